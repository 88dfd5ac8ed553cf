/** Copies a text, and says so. */
import { Icon } from './icons.tsx';
import { say } from './notices.tsx';

export interface CopyButtonProps {
  readonly text: () => string;
  readonly children: string;
}

export function CopyButton({ text, children }: CopyButtonProps) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      say('Copied.');
    } catch {
      say('The browser does not let the page copy. Select the text instead.', 'bad');
    }
  };
  return (
    <button type="button" class="button" onClick={() => void copy()}>
      <Icon name="copy" />
      {children}
    </button>
  );
}
