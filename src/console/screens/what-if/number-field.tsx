/** A number that may be left out. What is typed stands as it is typed, whatever number it is so far. */
import { useState } from 'preact/hooks';

export interface NumberFieldProps {
  readonly name: string;
  readonly title?: string;
  readonly value: number | null;
  readonly own: number | null;
  readonly step?: number | 'any';
  readonly placeholder?: string;
  /** Null for an empty field. */
  readonly onChange: (value: number | null) => void;
}

export function NumberField({
  name,
  title,
  value,
  own,
  step = 1,
  placeholder,
  onChange,
}: NumberFieldProps) {
  const [typed, setTyped] = useState<string | null>(null);
  // A value that was set otherwise, as by a button, is another than what was typed.
  const isTyped = typed !== null && Object.is(numberOf(typed), value);
  return (
    <label class="field" title={title} data-changed={!Object.is(value, own)}>
      <span>{name}</span>
      <input
        class="input"
        type="number"
        inputMode="decimal"
        min={0}
        step={step}
        placeholder={placeholder}
        value={isTyped ? typed : textOf(value)}
        onInput={({ currentTarget }) => {
          const number = currentTarget.validity.badInput
            ? Number.NaN
            : numberOf(currentTarget.value);
          setTyped(currentTarget.value);
          onChange(number);
        }}
      />
    </label>
  );
}

function textOf(value: number | null): string {
  return value === null || Number.isNaN(value) ? '' : String(Number(value.toPrecision(6)));
}

function numberOf(text: string): number | null {
  return text === '' ? null : Number(text);
}
