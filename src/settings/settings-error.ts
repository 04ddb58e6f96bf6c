/**
 * A mistake of the operator in a setting. The message is the one line that is shown, in Gunicorn's words
 * wherever Gunicorn has words for it.
 *
 * Runs in: arbiter.
 */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
  /** Lines to be shown before it. */
  readonly preface: string;

  constructor(message: string, preface = "") {
    super(message);
    this.preface = preface;
  }
}
