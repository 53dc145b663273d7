/** Who decided something, by the name people know. */
import { useQuery } from '@tanstack/react-query';
import { placesQuery } from '../api/queries';
import type { MenuOrigin, Place } from '../api/types';
import { useLanguage } from '../language/language';

/** What a place is called; the organisation may have no name yet. */
export function usePlaceName(): (place: Place) => string {
  const { t } = useLanguage();
  return (place) => (place.name === '' ? t('menus.nameless') : place.name);
}

/** Returns a function that names an origin. */
export function useOriginName(): (origin: MenuOrigin) => string {
  const { t } = useLanguage();
  const name = usePlaceName();
  const { data } = useQuery(placesQuery);
  return (origin) => {
    if (origin.kind === 'built-in') return t('menus.built-in');
    if (origin.kind === 'machine') return t('menus.this-machine');
    const place = data?.items.find((each) => each.id === origin.id);
    return place === undefined ? t('menus.elsewhere') : name(place);
  };
}
