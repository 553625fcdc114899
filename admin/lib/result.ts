/** An action's answer to its form. */
export type Result =
  | {
      ok: true;
      message?: string;
      /** Shown only once. */
      secret?: string;
      /** An address outside this console to go to. */
      leaveTo?: string;
    }
  | { ok: false; message: string };

export type Action = (before: Result | null, form: FormData) => Promise<Result>;
