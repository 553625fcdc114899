/** What an action answers its form. */
export type Result =
  | {
      ok: true;
      message?: string;
      /** Shown this once. */
      secret?: string;
      /** An address outside this console to go on to. */
      leaveTo?: string;
    }
  | { ok: false; message: string };

export type Action = (before: Result | null, form: FormData) => Promise<Result>;
