/** Chooses a place or a group. */
import { FormSelect, FormSelectOption } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { placesQuery } from '../api/queries';
import { useLanguage } from '../language/language';
import { usePlaceName } from '../menus/origin';
import { inTreeOrder } from './tree';

/** Places with how many machines lie in each; `all` is what no choice is called. */
export function PlaceSelect({ value, all, onChange }: { value: string; all: string; onChange: (id: string) => void }) {
  const { t } = useLanguage();
  const name = usePlaceName();
  const places = useQuery(placesQuery);
  return (
    <FormSelect aria-label={all} value={value} onChange={(_, id) => onChange(id)}>
      <FormSelectOption value="" label={all} />
      {inTreeOrder(places.data?.items ?? []).map(({ place, depth }) => (
        <FormSelectOption key={place.id} value={place.id} label={`${'\u2003'.repeat(depth)}${name(place)} (${place.machines}) · ${t(`place.kind.${place.kind}`)}`} />
      ))}
    </FormSelect>
  );
}
