/**
 * Tunicorn's own section: the Python that runs the application. Gunicorn needs none, being Python itself.
 *
 * Runs in: arbiter.
 */
import { section } from "./setting.ts";
import { program } from "./validators.ts";

export const python = section("Python", {
  /** A name, or an absolute path; `findPython` in resolve.ts looks for it. */
  python: {
    summary: "The Python interpreter that runs the application.",
    flags: ["--python"],
    metavar: "PATH",
    validate: program,
    default: "python3",
    variable: {
      name: "VIRTUAL_ENV",
      form: "$VIRTUAL_ENV/bin/python",
      read: (directory) => (directory === "" ? undefined : `${directory}/bin/python`),
    },
    own: true,
  },
});
