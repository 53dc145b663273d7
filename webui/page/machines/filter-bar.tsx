/** Filters of the list of machines: chosen by selects, shown as labels that take them back. */
import { FormSelect, FormSelectOption, Label, LabelGroup } from '@patternfly/react-core';
import { useLanguage } from '../language/language';
import { PlaceSelect } from '../places/place-select';
import { type ChosenFilters, FIRMWARES, ORDERS, SILENT_DAYS, TRAITS, type Trait } from './machine-filters';

interface Props {
  filters: ChosenFilters;
  change: (next: Partial<ChosenFilters>) => void;
}

/** Four selects. */
export function FilterBar({ filters, change }: Props) {
  const { t } = useLanguage();
  return (
    <div className="amorce-filters" role="group" aria-label={t('filter.label')}>
      <PlaceSelect value={filters.place} all={t('filter.place')} onChange={(place) => change({ place })} />
      <FormSelect
        aria-label={t('filter.trait')}
        value=""
        onChange={(_, value) => value !== '' && change({ is: [...filters.is, value as Trait] })}
      >
        <FormSelectOption value="" label={t('filter.trait')} />
        {TRAITS.filter((trait) => !filters.is.includes(trait)).map((trait) => (
          <FormSelectOption key={trait} value={trait} label={t(`filter.is.${trait}`)} />
        ))}
      </FormSelect>
      <FormSelect aria-label={t('filter.firmware')} value={filters.firmware} onChange={(_, value) => change({ firmware: value })}>
        <FormSelectOption value="" label={t('filter.firmware')} />
        {FIRMWARES.map((firmware) => (
          <FormSelectOption key={firmware} value={firmware} label={t(`firmware.${firmware}`)} />
        ))}
      </FormSelect>
      <FormSelect aria-label={t('filter.silent')} value={filters.silent} onChange={(_, value) => change({ silent: value })}>
        <FormSelectOption value="" label={t('filter.silent')} />
        {SILENT_DAYS.map((days) => (
          <FormSelectOption key={days} value={days} label={t('filter.silent-days', { count: Number(days) })} />
        ))}
      </FormSelect>
      <FormSelect aria-label={t('filter.order')} value={filters.sort === '' ? 'newest' : filters.sort} onChange={(_, value) => change({ sort: value === 'newest' ? '' : value })}>
        {ORDERS.map((order) => (
          <FormSelectOption key={order} value={order} label={t(`filter.order.${order}`)} />
        ))}
      </FormSelect>
    </div>
  );
}

/** What is narrowed at the moment; each goes by its cross. */
export function FilterLabels({ filters, change }: Props) {
  const { t } = useLanguage();
  const labels = [
    ...filters.is.map((trait) => ({ key: trait, text: t(`filter.is.${trait}`), clear: () => change({ is: filters.is.filter((each) => each !== trait) }) })),
    ...FIRMWARES.filter((firmware) => firmware === filters.firmware).map((firmware) => ({ key: firmware, text: t(`firmware.${firmware}`), clear: () => change({ firmware: '' }) })),
    ...(filters.silent === '' ? [] : [{ key: 'silent', text: t('filter.silent-days', { count: Number(filters.silent) }), clear: () => change({ silent: '' }) }]),
  ];
  if (labels.length === 0) return null;
  return (
    <LabelGroup categoryName={t('filter.label')} numLabels={9} className="amorce-filter-labels">
      {labels.map(({ key, text, clear }) => (
        <Label key={key} variant="outline" onClose={clear} closeBtnAriaLabel={t('filter.remove', { name: text })}>
          {text}
        </Label>
      ))}
    </LabelGroup>
  );
}
