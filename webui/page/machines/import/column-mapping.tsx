/** What each column of a table is; the appliance guessed, a person may know better. */
import { FormSelect, FormSelectOption } from '@patternfly/react-core';
import type { ImportColumn, ImportField } from '../../api/types';
import { useLanguage } from '../../language/language';
import { FIELDS } from './table-file';

/** A header and its meaning, one beside the other. */
export function ColumnMapping({ columns, onChange }: { columns: ImportColumn[]; onChange: (columns: ImportColumn[]) => void }) {
  const { t } = useLanguage();
  const choose = (at: number, field: string) =>
    onChange(columns.map((column, index) => (index === at ? { ...column, field: field === '' ? null : (field as ImportField) } : column)));
  return (
    <ul className="amorce-mapping">
      {columns.map((column, index) => (
        <li key={`${index} ${column.header}`}>
          <span className="amorce-code">{column.header === '' ? t('import.no-header', { number: index + 1 }) : column.header}</span>
          <FormSelect
            aria-label={t('import.column-means', { header: column.header })}
            value={column.field ?? ''}
            onChange={(_, value) => choose(index, value)}
          >
            <FormSelectOption value="" label={t('import.ignored')} />
            {FIELDS.map((field) => (
              <FormSelectOption key={field} value={field} label={t(`import.field.${field}`)} />
            ))}
          </FormSelect>
        </li>
      ))}
    </ul>
  );
}
