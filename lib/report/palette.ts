/**
 * Colours and fonts of pages and charts, in light and dark.
 *
 * The rule: this file draws nothing, so that a page without charts does not load what draws them.
 */

export const LIGHT = {
  background: '#ffffff',
  text: '#1c2430',
  muted: '#5d6878',
  grid: '#e6e9ee',
  line: '#b9c0cb',
  blue: '#2563c9',
  orange: '#c2570c',
  green: '#19805a',
  violet: '#7c3fb5',
  red: '#c43350',
  teal: '#0f7f8c',
  gray: '#9aa4b2',
  /** Text on an area that is half as strong as its colour: dark in both themes. */
  onMiddle: '#1c2430',
};

export type Colour = keyof typeof LIGHT;

export const DARK: Readonly<Record<Colour, string>> = {
  background: '#171c24',
  text: '#e6eaf0',
  muted: '#9aa5b5',
  grid: '#29313d',
  line: '#465062',
  blue: '#6ea3f7',
  orange: '#f09a56',
  green: '#4fc596',
  violet: '#b78cf0',
  red: '#f2788d',
  teal: '#4fc3d0',
  gray: '#6b7686',
  onMiddle: '#171c24',
};

/** Without quotes, because the list is used in attributes too. */
export const FONT =
  'system-ui, -apple-system, Segoe UI, Roboto, Helvetica Neue, Noto Sans, sans-serif';

/** A colour of the palette, to be used in chart options. */
export function ink(colour: Colour): string {
  return `var(--chart-${colour})`;
}

/** The palette as CSS declarations. */
export function paletteCss(theme: 'light' | 'dark'): string {
  const palette = theme === 'dark' ? DARK : LIGHT;
  return Object.entries(palette)
    .map(([name, value]) => `--chart-${name}:${value};`)
    .join('');
}
