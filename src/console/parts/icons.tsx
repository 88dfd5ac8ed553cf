/** The icons, of 24 units, drawn with lines in the colour of the text. They say nothing to readers. */

const PATHS = {
  brand:
    'M4 20c8.500.5 14.500-4 16-15-7 .5-11 2-13 5.500M7 10.500c-2 2-3 5.500-3 9.500M9.500 12.500c3-.5 5-1.500 7.500-4M7.500 16.500c3-.2 5-1.300 7.500-3.500',
  now: 'M3 12h4l3 7 4-14 3 7h4',
  applications: 'M5 5h4v4H5zM15 4h4v4h-4zM15 16h4v4h-4zM9 7h6M7 9v5a4 4 0 0 0 4 4h4',
  runs: 'M4 6h9M8 12h9M13 18h7',
  warmth:
    'M12 3c1 4-4 6-4 11a4.500 4.500 0 0 0 9 0c0-2-1-3.500-2-4.500 0 2-1 3-2 3 1-4 0-7-1-9.500z',
  'what-if': 'M6 4v7a4 4 0 0 0 4 4h8M6 20v-4a4 4 0 0 1 1.200-2.800M15 12l3 3-3 3',
  settings: 'M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4',
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM20 20l-4-4',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.400 1.400M17.600 17.600 19 19M5 19l1.400-1.400M17.600 6.400 19 5',
  moon: 'M20 14.500A8.500 8.500 0 0 1 9.500 4 8.500 8.500 0 1 0 20 14.500z',
  auto: 'M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18',
  out: 'M10 4H5v16h5M14 8l4 4-4 4M18 12H9',
  copy: 'M9 9h10v11H9zM5 15V4h10',
  play: 'M7 5v14l11-7z',
  stop: 'M7 7h10v10H7z',
  pause: 'M8 5v14M16 5v14',
  alert: 'M12 4 2.500 20h19zM12 10v4M12 17v.5',
  check: 'M5 12.500l4.500 4.500L19 7.500',
  cross: 'M6 6l12 12M18 6 6 18',
  cold: 'M12 3v18M4.200 7.500l15.600 9M19.800 7.500l-15.600 9',
  half: 'M12 4a8 8 0 0 0 0 16zM12 4a8 8 0 0 1 0 16',
  dot: 'M12 7a5 5 0 1 0 0 10 5 5 0 0 0 0-10z',
  next: 'M9 5l7 7-7 7',
  plus: 'M12 5v14M5 12h14',
  down: 'M12 4v12M7 12l5 5 5-5M5 20h14',
  undo: 'M8 5 4 9l4 4M4 9h10a6 6 0 0 1 0 12h-3',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg
      viewBox="0 0 24 24"
      width="16"
      height="16"
      fill={name === 'dot' ? 'currentColor' : 'none'}
      stroke="currentColor"
      stroke-width="2"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
