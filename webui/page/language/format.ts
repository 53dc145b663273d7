/** Sizes, rates, times and dates as people of a language read them. */

const BYTE_UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte', 'petabyte'] as const;

/** A size in decimal units, as disks are sold: 31,5 Go. */
export function formatBytes(bytes: number, language: string): string {
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return new Intl.NumberFormat(language, {
    style: 'unit',
    unit: BYTE_UNITS[unit] ?? 'byte',
    unitDisplay: unit === 0 ? 'long' : 'short',
    maximumFractionDigits: unit === 0 || value >= 100 ? 0 : 1,
  }).format(value);
}

/** A rate: 84 Mo/s. */
export function formatRate(bytesPerSecond: number, language: string): string {
  return `${formatBytes(bytesPerSecond, language)}/s`;
}

/** A share from 0 to 1, never rounded up to a whole: 100 % is said when it is done and not before. */
export function formatPercent(share: number, language: string): string {
  const whole = share >= 1 ? 1 : Math.floor(Math.max(0, share) * 100) / 100;
  return new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 0 }).format(whole);
}

/** A length of time, as roughly as it is known: 12 s, 3 min, 1 h 20 min. */
export function formatSeconds(seconds: number, language: string): string {
  const unit = (value: number, name: 'second' | 'minute' | 'hour') =>
    new Intl.NumberFormat(language, { style: 'unit', unit: name, unitDisplay: 'short', maximumFractionDigits: 0 }).format(
      value,
    );
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return unit(whole, 'second');
  if (whole < 600) {
    const rest = whole % 60;
    const minutes = unit(Math.floor(whole / 60), 'minute');
    return rest === 0 ? minutes : `${minutes} ${unit(rest, 'second')}`;
  }
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return unit(minutes, 'minute');
  const hours = unit(Math.floor(minutes / 60), 'hour');
  return minutes % 60 === 0 ? hours : `${hours} ${unit(minutes % 60, 'minute')}`;
}

/** A day and time: 22 nov. 2026, 08:15. */
export function formatMoment(unixMs: number, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }).format(unixMs);
}

const AGO: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
];

/** How long ago, for the last week: il y a 5 min. Older moments are dates. */
export function formatAgo(unixMs: number, nowMs: number, language: string): string {
  const passed = Math.max(0, nowMs - unixMs);
  if (passed > 7 * 86_400_000) return formatMoment(unixMs, language);
  const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto', style: 'short' });
  for (const [unit, length] of AGO) {
    if (passed >= length) return relative.format(-Math.floor(passed / length), unit);
  }
  return relative.format(0, 'second');
}

/** How long after a beginning something was: +0,42 s, +1 min 3 s. */
export function formatOffset(milliseconds: number, language: string): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds >= 60) return `+${formatSeconds(seconds, language)}`;
  return `+${new Intl.NumberFormat(language, { style: 'unit', unit: 'second', unitDisplay: 'narrow', minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(seconds)}`;
}

/** A day without its year: 22/11. */
export function formatDay(unixMs: number, language: string): string {
  return new Intl.DateTimeFormat(language, { day: 'numeric', month: 'numeric' }).format(unixMs);
}
