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
    /** The program that pip has installed names the Python that pip has installed it for. */
    variable: {
      name: "TUNICORN_PYTHON",
      form: "$TUNICORN_PYTHON",
      read: (path) => (path === "" ? undefined : path),
      otherwise: {
        name: "VIRTUAL_ENV",
        form: "$VIRTUAL_ENV/bin/python",
        read: (directory) => (directory === "" ? undefined : `${directory}/bin/python`),
      },
    },
    own: true,
  },
});
