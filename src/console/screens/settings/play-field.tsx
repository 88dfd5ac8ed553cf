/** A field of the playground's form with its name and what is wrong with it. */
import type { ComponentChildren } from 'preact';

export interface PlayFieldProps {
  readonly name: string;
  readonly wrong: string | undefined;
  /** Over the width of the form. */
  readonly wide?: boolean;
  readonly children: ComponentChildren;
}

export function PlayField({ name, wrong, wide, children }: PlayFieldProps) {
  return (
    <div class="field" data-wide={wide}>
      <span>{name}</span>
      {children}
      {wrong !== undefined && (
        <span class="field-problem" role="alert">
          {wrong}
        </span>
      )}
    </div>
  );
}
