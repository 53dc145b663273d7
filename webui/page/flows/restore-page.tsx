/** Restore: which machines, which master, what stands against it, and a person's word before disks are erased. */
import {
  Alert,
  Button,
  Checkbox,
  Form,
  FormGroup,
  FormHelperText,
  FormSelect,
  FormSelectOption,
  HelperText,
  HelperTextItem,
  List,
  PageSection,
  TextInput,
} from '@patternfly/react-core';
import { keepPreviousData, useQueries, useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { machineQuery, mastersQuery, preflightQuery } from '../api/queries';
import type { DiskFacts, Machine, MasterVersion, NewJob, ReadBack } from '../api/types';
import { useLanguage } from '../language/language';
import { PageHeading } from '../layout/heading';
import { Loading, Problem } from '../layout/state';
import { diskKey } from '../machines/machine-text';
import { useCreateJob } from './create-job';
import { useDraft } from './draft';
import { MachinePicker } from './machine-picker';
import { MasterChoice } from './master-choice';
import { furtherRemarks, restoreRemarks } from './preflight';
import { FurtherRemarks } from './remarks';
import { RestoreTargets } from './restore-targets';
import { FlowSection } from './section';

interface Draft {
  title: string;
  readBack: ReadBack;
  after: 'reboot' | 'power-off';
  /** The disk that a person named, if the job has one machine. */
  disk: string;
  /** Wakes the machines first. */
  wake?: boolean;
  /** When it may begin, as the field for moments writes it; empty: at once. */
  begins?: string;
}

const START: Draft = { title: '', readBack: 'full', after: 'reboot', disk: '', wake: false, begins: '' };

/** One machine or a room of thirty: the same flow. */
export function RestorePage() {
  const { t } = useLanguage();
  const navigate = useNavigate();
  const [words, setWords] = useSearchParams();
  const ids = (words.get('machines') ?? '').split(',').filter((id) => id !== '');
  const queries = useQueries({ queries: ids.map((id) => machineQuery(id)) });
  const masters = useQuery(mastersQuery);
  const [draft, setDraft, forget] = useDraft<Draft>('restore', START);
  const [typed, setTyped] = useState('');
  const [adding, setAdding] = useState(false);
  const create = useCreateJob(forget);

  const machines = queries.flatMap((query) => (query.data === undefined ? [] : [query.data]));
  const failed = queries.find((query) => query.isError);
  const version = findVersion(masters.data?.items.flatMap((master) => master.versions) ?? [], words);
  const named = machines.length === 1 ? namedDisk(machines[0], draft.disk) : null;
  const begins = startMoment(draft.begins);
  const job: NewJob | null =
    version === null || ids.length === 0
      ? null
      : {
          title: draft.title.trim() === '' ? null : draft.title.trim(),
          machines: ids,
          count: ids.length,
          steps: [
            ...(draft.wake === true ? [{ kind: 'wake' as const }] : []),
            {
              kind: 'restore',
              disk: named?.identity ?? null,
              master: { name: version.name, version: version.version },
              read_back: draft.readBack,
            },
            { kind: draft.after },
          ],
          ...(begins === null ? {} : { schedule: { not_before: begins } }),
        };
  const preflight = useQuery({ ...preflightQuery(job === null ? null : { ...job, title: null }), placeholderData: keepPreviousData });
  const checked = machines.map((machine) => {
    // A machine that is woken need not be switched on.
    const remarks = restoreRemarks(machine, version, named).filter((remark) => remark.code !== 'asleep' || draft.wake !== true);
    const theirs = job === null ? [] : (preflight.data?.machines.find((each) => each.machine === machine.id)?.remarks ?? []);
    return { machine, remarks, further: furtherRemarks(theirs, remarks) };
  });
  const stopped = checked.filter(({ remarks, further }) => [...remarks, ...further].some((remark) => remark.weight === 'stop'));
  const ready = version !== null && machines.length === ids.length && ids.length > 0 && stopped.length === 0;
  const confirmed = typed.trim() === String(ids.length);

  const setMachines = (next: string[]) => {
    setTyped('');
    setWords(
      (old) => {
        const changed = new URLSearchParams(old);
        if (next.length === 0) changed.delete('machines');
        else changed.set('machines', next.join(','));
        return changed;
      },
      { replace: true },
    );
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (job === null || !ready || !confirmed) return;
    // What began to stand against it since it was looked at is told instead of done.
    create.mutate({ ...job, accept: [] }, { onError: () => void preflight.refetch() });
  };

  return (
    <>
      <PageHeading title={t('restore.title')} about={t('restore.about')} />
      <PageSection hasBodyWrapper={false} isFilled>
        <Form onSubmit={submit} className="amorce-flow" noValidate>
          <FlowSection number={1} title={t('restore.master')}>
            <MasterChoice
              version={version}
              onChoose={(chosen) =>
                setWords(
                  (old) => {
                    const changed = new URLSearchParams(old);
                    changed.set('master', chosen.name);
                    changed.set('version', String(chosen.version));
                    return changed;
                  },
                  { replace: true },
                )
              }
            />
          </FlowSection>
          <FlowSection number={2} title={t('restore.machines')}>
            {queries.some((query) => query.isPending) && <Loading />}
            {failed !== undefined && <Problem error={failed.error} retry={() => void failed.refetch()} />}
            {checked.length > 0 && (
              <RestoreTargets
                checked={checked}
                named={named}
                onName={(disk) => setDraft({ ...draft, disk: disk === null ? '' : diskKey(disk) })}
                onRemove={(gone) => setMachines(ids.filter((id) => !gone.includes(id)))}
              />
            )}
            {adding || ids.length === 0 ? (
              <MachinePicker taken={ids} onTake={(machine) => setMachines([...ids, machine.id])} />
            ) : (
              <Button variant="link" onClick={() => setAdding(true)}>
                {t('restore.add-machines')}
              </Button>
            )}
          </FlowSection>
          <FlowSection number={3} title={t('restore.options')}>
            <Options draft={draft} setDraft={setDraft} />
          </FlowSection>
          <FlowSection number={4} title={t('restore.confirm')}>
            {job !== null && preflight.data !== undefined && preflight.data.remarks.length > 0 && (
              <List isPlain className="amorce-alert">
                <FurtherRemarks further={preflight.data.remarks} />
              </List>
            )}
            {!ready && <p className="amorce-quiet">{whatLacks(version, ids, stopped.length)}</p>}
            {ready && (
              <>
                <Alert
                  variant="warning"
                  isInline
                  className="amorce-alert"
                  title={t('restore.erases', { count: ids.length })}
                >
                  {t('restore.erases-about', { master: version.name, version: version.version })}
                </Alert>
                <FormGroup label={t('restore.type-count', { count: ids.length })} fieldId="restore-count">
                  <TextInput
                    id="restore-count"
                    className="amorce-count-field"
                    inputMode="numeric"
                    autoComplete="off"
                    value={typed}
                    onChange={(_, value) => setTyped(value)}
                    validated={typed === '' ? 'default' : confirmed ? 'success' : 'error'}
                  />
                  {typed !== '' && !confirmed && (
                    <FormHelperText>
                      <HelperText aria-live="polite">
                        <HelperTextItem variant="error">{t('restore.count-wrong', { count: ids.length })}</HelperTextItem>
                      </HelperText>
                    </FormHelperText>
                  )}
                </FormGroup>
              </>
            )}
            {preflight.isError && !create.isError && <Problem error={preflight.error} retry={() => void preflight.refetch()} />}
            {create.isError && <Problem error={create.error} />}
            <div className="amorce-flow-end">
              <Button
                type="submit"
                variant="danger"
                isLoading={create.isPending}
                isDisabled={create.isPending || !ready || !confirmed}
              >
                {t('restore.start', { count: Math.max(ids.length, 1) })}
              </Button>
              <Button variant="link" onClick={() => void navigate(-1)}>
                {t('action.cancel')}
              </Button>
            </div>
          </FlowSection>
        </Form>
      </PageSection>
    </>
  );

  function whatLacks(chosen: MasterVersion | null, wanted: string[], stops: number): string {
    if (chosen === null) return t('restore.lacks-master');
    if (wanted.length === 0) return t('restore.lacks-machine');
    if (stops > 0) return t('restore.lacks-remedy', { count: stops });
    return t('state.loading');
  }
}

function Options({ draft, setDraft }: { draft: Draft; setDraft: (draft: Draft) => void }) {
  const { t } = useLanguage();
  return (
    <div className="amorce-options">
      <FormGroup label={t('restore.read-back')} fieldId="restore-read-back">
        <FormSelect
          id="restore-read-back"
          value={draft.readBack}
          onChange={(_, value) => setDraft({ ...draft, readBack: value as ReadBack })}
        >
          {(['full', 'sample', 'off'] as const).map((choice) => (
            <FormSelectOption key={choice} value={choice} label={t(`restore.read-back.${choice}`)} />
          ))}
        </FormSelect>
      </FormGroup>
      <FormGroup label={t('restore.after')} fieldId="restore-after">
        <FormSelect
          id="restore-after"
          value={draft.after}
          onChange={(_, value) => setDraft({ ...draft, after: value as Draft['after'] })}
        >
          {(['reboot', 'power-off'] as const).map((choice) => (
            <FormSelectOption key={choice} value={choice} label={t(`restore.after.${choice}`)} />
          ))}
        </FormSelect>
      </FormGroup>
      <FormGroup label={t('restore.begins')} fieldId="restore-begins">
        <TextInput
          id="restore-begins"
          type="datetime-local"
          value={draft.begins ?? ''}
          onChange={(_, value) => setDraft({ ...draft, begins: value })}
          aria-describedby="restore-begins-help"
        />
        <FormHelperText>
          <HelperText id="restore-begins-help">
            <HelperTextItem>{t('restore.begins-help')}</HelperTextItem>
          </HelperText>
        </FormHelperText>
      </FormGroup>
      <Checkbox
        id="restore-wake"
        label={t('restore.wake')}
        description={t('restore.wake-about')}
        isChecked={draft.wake === true}
        onChange={(_, checked) => setDraft({ ...draft, wake: checked })}
      />
      <FormGroup label={t('restore.name')} fieldId="restore-name">
        <TextInput
          id="restore-name"
          value={draft.title}
          maxLength={200}
          autoComplete="off"
          placeholder={t('restore.name-help')}
          onChange={(_, value) => setDraft({ ...draft, title: value })}
        />
      </FormGroup>
    </div>
  );
}

function findVersion(versions: MasterVersion[], words: URLSearchParams): MasterVersion | null {
  const [name, number] = [words.get('master'), Number(words.get('version'))];
  return versions.find((version) => version.name === name && version.version === number) ?? null;
}

function namedDisk(machine: Machine | undefined, key: string): DiskFacts | null {
  return machine?.facts.disks.find((disk) => diskKey(disk) === key) ?? null;
}

/** The moment that a person wrote, or null for at once. */
function startMoment(text: string | undefined): string | null {
  const at = text === undefined || text === '' ? Number.NaN : new Date(text).getTime();
  return Number.isNaN(at) ? null : new Date(at).toISOString();
}
