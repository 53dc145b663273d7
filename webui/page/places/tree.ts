/** Places as a tree that can be read from top to bottom. */
import type { Place } from '../api/types';

/** Places with their depth, each after what it lies in. */
export function inTreeOrder(places: Place[]): { place: Place; depth: number }[] {
  const known = new Set(places.map((place) => place.id));
  const inside = new Map<string, Place[]>();
  for (const place of places) {
    const parent = place.parent !== undefined && place.parent !== null && known.has(place.parent) ? place.parent : '';
    inside.set(parent, [...(inside.get(parent) ?? []), place]);
  }
  const ordered: { place: Place; depth: number }[] = [];
  const walk = (parent: string, depth: number) => {
    for (const place of (inside.get(parent) ?? []).toSorted((left, right) => left.name.localeCompare(right.name))) {
      ordered.push({ place, depth });
      walk(place.id, depth + 1);
    }
  };
  walk('', 0);
  return ordered;
}
