/** The first page of a new appliance: its first administrator. */
import {
  ActionGroup,
  Button,
  Form,
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  TextInput,
} from '@patternfly/react-core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { Navigate, useNavigate } from 'react-router';
import { ask } from '../api/client';
import { sessionQuery, setupQuery } from '../api/queries';
import type { FirstAdministrator, LogIn, Session } from '../api/types';
import { useLanguage } from '../language/language';
import { Loading, Problem } from '../layout/state';
import { EntryFrame } from './frame';
import { oneTimeCode } from './one-time-code';

const PASSWORD_MIN_LEN = 12;

/** Makes the first administrator and logs them in. */
export function FirstRunPage() {
  const { t } = useLanguage();
  const client = useQueryClient();
  const navigate = useNavigate();
  const setup = useQuery(setupQuery);
  const [code, setCode] = useState(oneTimeCode);
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const [tried, setTried] = useState(false);
  const codeCarried = oneTimeCode() !== '';

  const create = useMutation({
    mutationFn: async () => {
      const first: FirstAdministrator = { code: code.trim(), name: name.trim(), password };
      await ask('/setup', { method: 'POST', body: first });
      try {
        return await ask<Session>('/session');
      } catch {
        const logIn: LogIn = { name: first.name, password };
        return await ask<Session>('/sessions', { method: 'POST', body: logIn });
      }
    },
    onSuccess: (session) => {
      client.setQueryData(setupQuery.queryKey, (old) => old && { ...old, needs_first_administrator: false });
      client.setQueryData(sessionQuery.queryKey, session);
      void navigate('/machines', { replace: true });
    },
  });

  if (create.isSuccess) return <Navigate to="/machines" replace />;
  if (setup.isPending) return <Loading />;
  if (setup.isError) {
    return (
      <main className="amorce-alone">
        <Problem error={setup.error} retry={() => void setup.refetch()} />
      </main>
    );
  }
  if (!setup.data.needs_first_administrator) return <Navigate to="/machines" replace />;

  const wrong = {
    code: code.trim() === '',
    name: name.trim() === '',
    password: [...password].length < PASSWORD_MIN_LEN,
    again: again !== password,
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    const first = (['code', 'name', 'password', 'again'] as const).find((field) => wrong[field]);
    if (first === undefined) create.mutate();
    else document.getElementById(`first-${first}`)?.focus();
  };
  const mark = (field: keyof typeof wrong) => (tried && wrong[field] ? 'error' : 'default');

  return (
    <EntryFrame title={t('first.title')} about={t('first.about')}>
      <Form onSubmit={submit} noValidate>
        {create.isError && <Problem error={create.error} />}
        <FormGroup label={t('first.code')} isRequired fieldId="first-code">
          <TextInput
            id="first-code"
            value={code}
            onChange={(_, value) => setCode(value)}
            isRequired
            autoComplete="off"
            spellCheck={false}
            autoCapitalize="off"
            autoFocus={!codeCarried}
            validated={mark('code')}
            aria-describedby="first-code-help"
          />
          <Help id="first-code-help" wrong={tried && wrong.code} text={codeCarried ? t('first.code-carried') : t('first.code-help')} />
        </FormGroup>
        <FormGroup label={t('login.name')} isRequired fieldId="first-name">
          <TextInput
            id="first-name"
            value={name}
            onChange={(_, value) => setName(value)}
            isRequired
            autoComplete="username"
            autoCapitalize="off"
            maxLength={64}
            autoFocus={codeCarried}
            validated={mark('name')}
            aria-describedby="first-name-help"
          />
          <Help id="first-name-help" wrong={tried && wrong.name} text={t('first.name-help')} />
        </FormGroup>
        <FormGroup label={t('login.password')} isRequired fieldId="first-password">
          <TextInput
            id="first-password"
            type="password"
            value={password}
            onChange={(_, value) => setPassword(value)}
            isRequired
            autoComplete="new-password"
            maxLength={256}
            validated={mark('password')}
            aria-describedby="first-password-help"
          />
          <Help
            id="first-password-help"
            wrong={tried && wrong.password}
            text={t('first.password-help', { count: PASSWORD_MIN_LEN })}
          />
        </FormGroup>
        <FormGroup label={t('first.again')} isRequired fieldId="first-again">
          <TextInput
            id="first-again"
            type="password"
            value={again}
            onChange={(_, value) => setAgain(value)}
            isRequired
            autoComplete="new-password"
            maxLength={256}
            validated={mark('again')}
            aria-describedby="first-again-help"
          />
          {tried && wrong.again && <Help id="first-again-help" wrong text={t('first.again-wrong')} />}
        </FormGroup>
        <ActionGroup>
          <Button type="submit" variant="primary" isLoading={create.isPending} isDisabled={create.isPending}>
            {t('first.create')}
          </Button>
        </ActionGroup>
      </Form>
    </EntryFrame>
  );
}

function Help({ id, wrong, text }: { id: string; wrong: boolean; text: string }) {
  return (
    <FormHelperText>
      <HelperText id={id}>
        <HelperTextItem variant={wrong ? 'error' : 'default'}>{text}</HelperTextItem>
      </HelperText>
    </FormHelperText>
  );
}
