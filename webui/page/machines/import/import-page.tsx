/** Machines from somebody's table: the file, what its columns are, what would happen, and then it happens. */
import { Alert, Button, Checkbox, Form, FormGroup, FormHelperText, FormSelect, FormSelectOption, HelperText, HelperTextItem, PageSection } from '@patternfly/react-core';
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { ask } from '../../api/client';
import type { ImportEncoding, ImportField, MachineImport, MachineImportOutcome } from '../../api/types';
import { FlowSection } from '../../flows/section';
import { useLanguage } from '../../language/language';
import { announce } from '../../layout/announcer';
import { PageHeading } from '../../layout/heading';
import { Loading, Problem } from '../../layout/state';
import { ColumnMapping } from './column-mapping';
import { ImportRows } from './import-rows';
import { KEY_FIELDS, readTable, type Table } from './table-file';

interface Wish {
  columns: NonNullable<MachineImport['columns']>;
  encoding: ImportEncoding | '';
  key: ImportField | '';
  leaveOut: boolean;
}

const START: Wish = { columns: [], encoding: '', key: '', leaveOut: false };

/** Three steps on one page; nothing is written before the last button. */
export function ImportPage() {
  const { t } = useLanguage();
  const navigate = useNavigate();
  const client = useQueryClient();
  const [table, setTable] = useState<Table | null>(null);
  const [wish, setWish] = useState(START);
  const [unread, setUnread] = useState<unknown>(null);

  const body: MachineImport | null = table && {
    kind: table.kind,
    content: table.content,
    columns: wish.columns,
    leave_out_refused: wish.leaveOut,
    ...(wish.encoding === '' ? {} : { encoding: wish.encoding }),
    ...(wish.key === '' ? {} : { key: wish.key }),
  };
  const rehearsal = useQuery({
    queryKey: ['import', table?.name, table?.stamp, wish],
    queryFn: ({ signal }) => ask<MachineImportOutcome>('/machines/import', { method: 'POST', body: { ...body, rehearse: true }, signal }),
    enabled: body !== null,
    placeholderData: keepPreviousData,
    retry: false,
    gcTime: 0,
    staleTime: Infinity,
  });
  const apply = useMutation({
    mutationFn: () => ask<MachineImportOutcome>('/machines/import', { method: 'POST', body }),
    onSuccess: (outcome) => {
      void client.invalidateQueries({ queryKey: ['machines'] });
      void client.invalidateQueries({ queryKey: ['machine-count'] });
      if (outcome.applied) announce(t('import.done', { created: outcome.created, updated: outcome.updated }));
    },
  });
  const take = async (file: File | undefined) => {
    if (file === undefined) return;
    apply.reset();
    setUnread(null);
    try {
      setTable(await readTable(file));
      setWish(START);
    } catch (error) {
      setUnread(error);
    }
  };
  const change = (next: Partial<Wish>) => {
    apply.reset();
    setWish({ ...wish, ...next });
  };
  const outcome = apply.data ?? (table === null ? undefined : rehearsal.data);
  const useful = outcome === undefined ? 0 : outcome.created + outcome.updated;
  const isReady = rehearsal.isSuccess && !rehearsal.isFetching && useful > 0 && (rehearsal.data.refused === 0 || wish.leaveOut);

  return (
    <>
      <PageHeading title={t('import.title')} about={t('import.about')} parent={{ to: '/machines', label: t('machines.title') }} />
      <PageSection hasBodyWrapper={false} isFilled>
        <Form className="amorce-flow" onSubmit={(event) => event.preventDefault()} noValidate>
          <FlowSection number={1} title={t('import.file')}>
            <FormGroup label={t('import.file-label')} fieldId="import-file">
              <input
                id="import-file"
                className="amorce-file"
                type="file"
                accept=".csv,.txt,.xlsx,text/csv,application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
                aria-describedby="import-file-help"
                onChange={(event) => void take(event.target.files?.[0])}
              />
              <FormHelperText>
                <HelperText id="import-file-help">
                  <HelperTextItem>{t('import.file-help')}</HelperTextItem>
                </HelperText>
              </FormHelperText>
            </FormGroup>
            {unread !== null && <Problem error={unread} />}
          </FlowSection>
          {table !== null && (
            <FlowSection number={2} title={t('import.columns')}>
              {rehearsal.isPending && <Loading />}
              {rehearsal.isError && <Problem error={rehearsal.error} retry={() => void rehearsal.refetch()} />}
              {outcome !== undefined && (
                <>
                  <ColumnMapping columns={outcome.columns} onChange={(columns) => change({ columns })} />
                  <div className="amorce-options amorce-import-options">
                    <FormGroup label={t('import.key')} fieldId="import-key">
                      <FormSelect id="import-key" value={outcome.key} onChange={(_, value) => change({ key: value as ImportField })}>
                        {KEY_FIELDS.map((field) => (
                          <FormSelectOption key={field} value={field} label={t(`import.field.${field}`)} />
                        ))}
                      </FormSelect>
                    </FormGroup>
                    {table.kind === 'csv' && (
                      <FormGroup label={t('import.encoding')} fieldId="import-encoding">
                        <FormSelect id="import-encoding" value={outcome.encoding ?? ''} onChange={(_, value) => change({ encoding: value as ImportEncoding })}>
                          {(['utf-8', 'windows-1252'] as const).map((encoding) => (
                            <FormSelectOption key={encoding} value={encoding} label={t(`import.encoding.${encoding}`)} />
                          ))}
                        </FormSelect>
                      </FormGroup>
                    )}
                  </div>
                </>
              )}
            </FlowSection>
          )}
          {table !== null && outcome !== undefined && (
            <FlowSection number={3} title={apply.data?.applied === true ? t('import.result') : t('import.preview')}>
              <Counts outcome={outcome} />
              {outcome.refused > 0 && !outcome.applied && (
                <Alert variant="warning" isInline className="amorce-alert" title={t('import.refused', { count: outcome.refused })}>
                  <Checkbox
                    id="import-leave-out"
                    label={t('import.leave-out')}
                    isChecked={wish.leaveOut}
                    onChange={(_, checked) => change({ leaveOut: checked })}
                  />
                </Alert>
              )}
              <ImportRows rows={outcome.rows} />
              {apply.isError && <Problem error={apply.error} />}
              <div className="amorce-flow-end">
                {apply.data?.applied === true ? (
                  <Button variant="primary" onClick={() => void navigate('/machines')}>
                    {t('import.see')}
                  </Button>
                ) : (
                  <Button variant="primary" isLoading={apply.isPending} isDisabled={!isReady || apply.isPending} onClick={() => apply.mutate()}>
                    {t('import.start', { count: useful })}
                  </Button>
                )}
                {apply.data?.applied !== true && (
                  <Button variant="link" onClick={() => void navigate('/machines')}>
                    {t('action.cancel')}
                  </Button>
                )}
              </div>
            </FlowSection>
          )}
        </Form>
      </PageSection>
    </>
  );
}

/** How many lines do what. */
function Counts({ outcome }: { outcome: MachineImportOutcome }) {
  const { t } = useLanguage();
  return (
    <dl className="amorce-figures">
      {(['created', 'updated', 'kept', 'refused'] as const).map((name) => (
        <div key={name}>
          <dt>{t(`import.count.${name}`)}</dt>
          <dd>{outcome[name]}</dd>
        </div>
      ))}
    </dl>
  );
}
