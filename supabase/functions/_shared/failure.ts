/** A failure response: `{"error": {"code", "message", …}}`. The message is for people and contains no secrets. */
export class Failure extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: Record<string, unknown> = {},
  ) {
    super(message);
  }
}

export const invalidRequest = (message: string) => new Failure(400, "invalid_request", message);
