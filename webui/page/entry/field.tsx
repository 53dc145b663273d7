/** A field of the forms that stand before everything else: who somebody is, and what proves it. */
import { FormGroup, FormHelperText, HelperText, HelperTextItem, TextInput } from '@patternfly/react-core';
import type { ComponentProps } from 'react';

type Input = Pick<ComponentProps<typeof TextInput>, 'type' | 'autoComplete' | 'autoFocus' | 'maxLength'>;

interface FieldProps extends Input {
  id: string;
  label: string;
  value: string;
  onChange: (value: string) => void;
  /** Marks the label; without it the field is required all the same. */
  marked?: boolean;
  /** What was typed cannot be right; the help says why. */
  wrong?: boolean;
  help?: string | undefined;
}

/** A line of text with its label, and help below it. What is typed is taken letter by letter: no spelling, no capitals. */
export function EntryField({ id, label, value, onChange, marked = false, wrong = false, help, ...input }: FieldProps) {
  return (
    <FormGroup label={label} isRequired={marked} fieldId={id}>
      <TextInput
        {...input}
        id={id}
        value={value}
        onChange={(_, text) => onChange(text)}
        isRequired
        spellCheck={false}
        autoCapitalize="off"
        validated={wrong ? 'error' : 'default'}
        {...(help === undefined ? {} : { 'aria-describedby': `${id}-help` })}
      />
      {help !== undefined && (
        <FormHelperText>
          <HelperText id={`${id}-help`}>
            <HelperTextItem variant={wrong ? 'error' : 'default'}>{help}</HelperTextItem>
          </HelperText>
        </FormHelperText>
      )}
    </FormGroup>
  );
}
