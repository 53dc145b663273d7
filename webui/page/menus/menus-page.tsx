/** Boot menus: what each place, group and machine decides, edited where it is decided. */
import { FormSelect, FormSelectOption, PageSection } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { Link, useSearchParams } from 'react-router';
import { machineQuery, type MenuOwner, menuQuery, placesQuery } from '../api/queries';
import { useLanguage } from '../language/language';
import { PageHeading } from '../layout/heading';
import { Loading, Problem } from '../layout/state';
import { inTreeOrder } from '../places/tree';
import { MenuEditor } from './menu-editor';
import { usePlaceName } from './origin';

/** The place or machine is named in the address. */
export function MenusPage() {
  const { t } = useLanguage();
  const [words, setWords] = useSearchParams();
  const name = usePlaceName();
  const places = useQuery(placesQuery);
  const machineId = words.get('machine') ?? '';
  const machine = useQuery({ ...machineQuery(machineId), enabled: machineId !== '' });
  const tree = inTreeOrder(places.data?.items ?? []);
  const place = tree.find(({ place: each }) => each.id === words.get('place'))?.place ?? tree[0]?.place;
  const owner: MenuOwner | null = machineId !== '' ? { kind: 'machine', id: machineId } : place === undefined ? null : { kind: 'place', id: place.id };
  const title = machineId === '' ? (place === undefined ? '' : name(place)) : (machine.data?.label ?? '');
  return (
    <>
      <PageHeading title={t('menus.title')} about={t('menus.about')} />
      <PageSection hasBodyWrapper={false} isFilled>
        {places.isPending && <Loading />}
        {places.isError && <Problem error={places.error} retry={() => void places.refetch()} />}
        {places.isSuccess && (
          <div className="amorce-bar">
            <label htmlFor="menu-owner" className="amorce-strong">
              {t('menus.owner')}
            </label>
            <FormSelect id="menu-owner" className="amorce-owner" value={machineId === '' ? (place?.id ?? '') : ''} onChange={(_, id) => setWords({ place: id }, { replace: true })}>
              {machineId !== '' && <FormSelectOption value="" label={machine.data?.label ?? t('machine.title')} />}
              {tree.map(({ place: each, depth }) => (
                <FormSelectOption key={each.id} value={each.id} label={`${'\u2003'.repeat(depth)}${name(each)} · ${t(`place.kind.${each.kind}`)}`} />
              ))}
            </FormSelect>
            {machine.data !== undefined && machineId !== '' && <Link to={`/machines/${machineId}`}>{t('menus.to-machine', { name: machine.data.label })}</Link>}
          </div>
        )}
        {owner !== null && <OwnMenu key={`${owner.kind} ${owner.id}`} owner={owner} above={machineId === '' ? (place?.parent ?? null) : null} isRoot={machineId === '' && (place?.parent ?? null) === null} title={title} />}
      </PageSection>
    </>
  );
}

function OwnMenu({ owner, above, isRoot, title }: { owner: MenuOwner; above: string | null; isRoot: boolean; title: string }) {
  const whole = useQuery(menuQuery(owner));
  const parent = useQuery({ ...menuQuery({ kind: 'place', id: above ?? '' }), enabled: above !== null });
  const isWaiting = whole.isPending || (above !== null && parent.isPending);
  if (isWaiting) return <Loading />;
  if (whole.isError) return <Problem error={whole.error} retry={() => void whole.refetch()} />;
  return <MenuEditor owner={owner} whole={whole.data} above={isRoot ? { ...whole.data, entries: [] } : parent.data} title={title} />;
}
