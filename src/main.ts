/**
 * The program's entry.
 *
 * In a checkout Node strips the types and compiles at every start, unless it may keep the result: 79 ms instead of 220 ms.
 * So the cache is switched on before anything else is loaded. It lies with the code, because who may write it decides what
 * runs; where it cannot be written, Node goes without. What is installed has been stripped: 110 ms with and without a cache,
 * which would stay behind when it is uninstalled.
 *
 * Runs in: arbiter.
 */
import { enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";
import { isBuilt } from "./installation.ts";

if (!isBuilt) enableCompileCache(fileURLToPath(new URL("../node_modules/.cache/tunicorn", import.meta.url)));
await import("./program.ts");
