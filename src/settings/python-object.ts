/**
 * A value of a configuration file that JSON cannot hold: a function, a class, any object. It stays in Python; what is
 * known here is how Python spells it.
 *
 * Runs in: arbiter.
 */
export class PythonObject {
  /** `str(value)`. */
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}
