/**
 * Reads the golden frames in test/vectors/queue.
 */
import { readFileSync } from "node:fs";

type VectorFields = Readonly<Record<string, number>>;

export interface Vector {
  readonly title: string;
  readonly fields: VectorFields;
  readonly bytes: Buffer;
}

export interface FrameVector extends Vector {
  readonly head: string;
  readonly body: string;
}

export interface RecordVector extends Vector {
  readonly environ: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

interface StoredCase {
  readonly title: string;
  readonly fields: VectorFields;
  readonly hex: readonly string[];
  readonly head?: string;
  readonly body?: string;
  readonly environ?: readonly (readonly [name: string, value: string, repeat?: number])[];
}

export interface LayoutVector {
  readonly constants: Readonly<Record<string, number | string>>;
  readonly files: { readonly arena: string; readonly replies: string; readonly stacks: string };
  readonly offsets: Readonly<Record<"record" | "slot" | "frame" | "file" | "fileAnswer", VectorFields>>;
}

export const FRAME_FILES = ["hello", "whole", "head", "body", "end", "fail", "early-hints", "file"] as const;

export function loadVectors(name: string): readonly Vector[] {
  return cases(name).map(vector);
}

export function loadFrames(): readonly FrameVector[] {
  return FRAME_FILES.flatMap((name) => cases(`frame-${name}`)).map((stored) => ({
    ...vector(stored),
    head: stored.head ?? "",
    body: stored.body ?? "",
  }));
}

export function loadRecords(): readonly RecordVector[] {
  return cases("records").map((stored) => ({
    ...vector(stored),
    environ: (stored.environ ?? []).map(([name, value, repeat = 1]) => [name, value.repeat(repeat)] as const),
    body: stored.body ?? "",
  }));
}

export function loadLayout(): LayoutVector {
  return load("layout") as LayoutVector;
}

function cases(name: string): readonly StoredCase[] {
  return (load(name) as { readonly cases: readonly StoredCase[] }).cases;
}

function load(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../vectors/queue/${name}.json`, import.meta.url), "utf8"));
}

function vector({ title, fields, hex }: StoredCase): Vector {
  return { title, fields, bytes: Buffer.from(hex.join("").replaceAll(" ", ""), "hex") };
}
