/**
 * Settings that do not do what Gunicorn's do: none is ignored silently.
 *
 * Runs in: arbiter.
 */
import type { Origin } from "./setting.ts";
import { SettingsError } from "./settings-error.ts";
import { SETTINGS, type Settings } from "./table.ts";

/** A line for each setting that was made and has no effect. Throws SettingsError for one that must not be ignored. */
export function checkEffects(settings: Settings, origin: Origin): readonly string[] {
  const notices: string[] = [];
  for (const [name, setting] of Object.entries(SETTINGS)) {
    const { effect } = setting;
    if (effect === undefined) continue;
    const value = settings[name as keyof Settings];
    if (isSame(value, setting.validate(setting.default, origin))) continue;
    if (effect.kind === "none") {
      notices.push(`The setting ${name} has no effect: ${effect.why}`);
    } else if (effect.isHarmless?.(value) !== true) {
      throw new SettingsError(`the setting ${name} cannot be used yet: ${effect.feature} will come later`);
    }
  }
  return notices;
}

/** Values are data, whose order is fixed by their validator. */
function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
