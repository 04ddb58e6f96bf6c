/**
 * What is served. Every server must answer a case's request alike.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "..");
/** Installed by setup.sh: the servers, and the packages with which all of them run the applications. */
export const BENCH_HOME = join(ROOT, ".bench");
export const VENV = join(BENCH_HOME, "venv");
export const PYTHON = join(VENV, "bin/python");

export interface Application {
  readonly directory: string;
  /** MODULE:CALLABLE */
  readonly app: string;
  /** Asked for until the server answers. */
  readonly path: string;
  readonly prepare?: () => void;
  readonly env?: Readonly<Record<string, string>>;
}

export const HELLO: Application = {
  directory: join(ROOT, "examples/hello"),
  app: "app:application",
  path: "/",
};

export const PLAIN: Application = {
  directory: join(ROOT, "bench/apps"),
  app: "plain:application",
  path: "/",
};

export const FLASK: Application = {
  directory: join(ROOT, "examples/flask_app"),
  app: "app:application",
  path: "/items",
};

export const DJANGO: Application = {
  directory: join(ROOT, "examples/django_defaults"),
  app: "django_defaults.wsgi:application",
  path: "/entries",
  prepare: migrate,
  env: {
    DJANGO_SETTINGS_MODULE: "production_settings",
    PYTHONPATH: join(ROOT, "bench/django"),
  },
};

/** /large is 10 MiB; a POST is read whole. */
export const DIFFICULT: Application = {
  directory: join(ROOT, "bench/difficult"),
  app: "app:application",
  path: "/",
};

/** The guestbook's entries are read from its database. */
function migrate(): void {
  const manage = join(ROOT, "examples/django_defaults/manage.py");
  const { status, stderr } = spawnSync(PYTHON, [manage, "migrate", "--verbosity", "0"], { encoding: "utf8" });
  if (status !== 0) throw new Error(`migrate: ${stderr}`);
}
