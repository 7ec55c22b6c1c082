/**
 * Renders ECharts options to SVG text on the server, for a page or for a file of its own.
 *
 * The rule: charts name colours of the palette as `ink('grid')`; the light or dark theme is chosen at the end.
 */
import * as echarts from '#echarts';
import { escapeHtml, withoutForbidden } from './markup.js';
import { DARK, FONT, ink, LIGHT } from './palette.js';

/** `page`: colours are CSS variables, as in a report. `light`, `dark`: fixed colours for a standalone file. */
export type ChartTheme = 'page' | 'light' | 'dark';

export interface ChartOptions {
  /** Pixels. */
  readonly width?: number;
  readonly height?: number;
  /** Default: light. */
  readonly theme?: ChartTheme;
}

export interface ChartText {
  /** Unique in its page. */
  readonly id: string;
  readonly title: string;
  /** Description of the chart for people who cannot see it. */
  readonly description: string;
}

/** Pixels below which the letters of a wide chart become too small. */
const READABLE = 620;

/** Style that all value axes share. */
export const AXIS_STYLE = {
  axisLine: { show: false },
  axisTick: { show: false },
  axisLabel: { color: ink('muted'), fontSize: 12 },
  splitLine: { lineStyle: { color: ink('grid') } },
  nameTextStyle: { color: ink('muted'), fontSize: 12 },
};

/** Estimated width of a text in pixels, for a font size of 13 pixels; rather too large than too small. */
export function textWidth(text: string): number {
  return [...text].reduce((sum, char) => sum + (char > '\u2E7F' ? 13 : 7.2), 0);
}

/** The text, or its beginning and "…" where it is wider than `width` pixels. */
export function clippedTo(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let used = textWidth('…');
  let kept = '';
  for (const char of text) {
    used += textWidth(char);
    if (used > width) break;
    kept += char;
  }
  return `${kept}…`;
}

/** Removes parts that ECharts adds for its client side (hover styles, data attributes), and makes ids unique in the page. */
function cleaned(svg: string, id: string): string {
  return svg
    .replace(/<style\s*>[\s\S]*?<\/style>/g, '')
    .replace(/ (?:class|ecmeta_\w+|pointer-events)="[^"]*"/g, '')
    .replace(/zr\d+-([a-z]+\d+)/g, `${id}-$1`)
    .replaceAll(`font-family:${FONT};`, '')
    .replace(/ (?:version|baseProfile|xmlns:xlink)="[^"]*"/g, '')
    .replace(/<rect width="\d+" height="\d+" x="0" y="0" fill="none"><\/rect>\n?/, '')
    .replace(/\n+/g, '\n');
}

/** Replaces the colour variables by their values, and puts a background behind the chart. */
function coloured(svg: string, theme: 'light' | 'dark'): string {
  const palette: Readonly<Record<string, string>> = theme === 'dark' ? DARK : LIGHT;
  const named = svg.replace(/var\(--chart-(\w+)\)/g, (all, name: string) => palette[name] ?? all);
  const background = `<rect width="100%" height="100%" fill="${palette.background}"></rect>`;
  return named.replace(/<svg[^>]*>/, (open) => open + background);
}

/** Draws a chart. The SVG has a title and a description, no script and no reference to another file. */
export function drawChart(
  option: echarts.EChartsCoreOption,
  text: ChartText,
  options: Required<ChartOptions>,
): string {
  const { width, height, theme } = options;
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  let svg: string;
  try {
    chart.setOption({ animation: false, textStyle: { fontFamily: FONT }, ...option });
    svg = cleaned(withoutForbidden(chart.renderToSVGString()), text.id);
  } finally {
    chart.dispose();
  }
  const head =
    `<title id="${text.id}-title">${escapeHtml(text.title)}</title>` +
    `<desc id="${text.id}-desc">${escapeHtml(text.description)}</desc>`;
  // In a page a chart is never enlarged, and becomes no smaller than can be read: it is scrolled then.
  const size = `max-width:${width}px;min-width:${Math.min(width, READABLE)}px`;
  const style = theme === 'page' ? ` style="${size}"` : '';
  const labelled = svg.replace(
    /<svg([^>]*)>/,
    `<svg$1${style} font-family="${FONT}" role="img" aria-labelledby="${text.id}-title ${text.id}-desc">${head}`,
  );
  return theme === 'page' ? labelled : coloured(labelled, theme);
}
