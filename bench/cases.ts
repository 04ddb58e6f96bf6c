/**
 * What is served, by which example. The path is asked for again and again; every peer must answer it alike.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "..");
export const PYTHON = join(ROOT, ".venv/bin/python");

export interface Case {
  readonly name: string;
  /** Below examples/. */
  readonly directory: string;
  readonly app: string;
  readonly path: string;
  readonly prepare?: () => void;
  readonly env?: Readonly<Record<string, string>>;
  /** Requests per second at 32 connections, as a multiple of Gunicorn sync, that `--check` demands. */
  readonly wanted: number;
}

const DJANGO = {
  directory: "django_defaults",
  app: "django_defaults.wsgi:application",
  prepare: migrate,
  env: {
    DJANGO_SETTINGS_MODULE: "production_settings",
    PYTHONPATH: join(import.meta.dirname, "django"),
  },
};

export const CASES: readonly Case[] = [
  { name: "hello", directory: "hello", app: "app:application", path: "/", wanted: 4 },
  { name: "flask", directory: "flask_app", app: "app:app", path: "/items", wanted: 1.5 },
  { ...DJANGO, name: "django", path: "/download/100", wanted: 1.5 },
  // Most of its time is SQLite's and the ORM's, whatever the server.
  { ...DJANGO, name: "django-database", path: "/entries", wanted: 1.2 },
];

/** The guestbook's entries are read from its database. */
function migrate(): void {
  const manage = join(ROOT, "examples/django_defaults/manage.py");
  const { status, stderr } = spawnSync(PYTHON, [manage, "migrate", "--verbosity", "0"], { encoding: "utf8" });
  if (status !== 0) throw new Error(`migrate: ${stderr}`);
}
