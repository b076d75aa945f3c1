// Draws a dashboard's JSON with Grafana's own panel library (@grafana/ui). State timelines and heat maps are not in it:
// they are sketched here from the same answers, and say so.
import 'uplot/dist/uPlot.min.css';
import * as React from 'react';
import { createRoot } from 'react-dom/client';
import {
  DataFrame, Field, FieldType, MutableDataFrame, createTheme, dateTime, getDisplayProcessor, getFieldDisplayName,
  standardTransformers, standardTransformersRegistry, toDataFrame, transformDataFrame, ThemeContext,
} from '@grafana/data';
import { BigValue, GlobalStyles, PanelChrome, TimeSeries, VizLegend, VizRepeater } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';

const { board, answers, from, to, width, chosen } = (window as any).DRAWN;
const theme = createTheme({ colors: { mode: 'dark' } });
const CELL = width / 24, ROW = 30, GAP = 8;

const { mergeTransformer, organizeFieldsTransformer } = standardTransformers;
standardTransformersRegistry.setInit(() => [mergeTransformer, organizeFieldsTransformer].map((one: any) => (
  { id: one.id, name: one.name, transformation: () => Promise.resolve(one), editor: (() => null) as any, imageDark: '', imageLight: '' })));

const legendOf = (target: any, labels: Record<string, string>) => target.legendFormat === '__auto'
  ? Object.entries(labels).map(([name, value]) => `${name}="${value}"`).join(', ')
  : target.legendFormat.replace(/{{\s*(\w+)\s*}}/g, (_: string, name: string) => labels[name] ?? '').trim();

const fits = (matcher: any, field: Field, frame: DataFrame) =>
  matcher.options === (matcher.id === 'byFrameRefID' ? frame.refId : getFieldDisplayName(field, frame));
const put = (config: any, path: string, value: any) => {
  const keys = path.split('.'), last = keys.pop()!;
  keys.reduce((inner, key) => (inner[key] ??= {}), config)[last] = value;
};
const dressed = (panel: any, frames: DataFrame[]) => {
  let place = 0;
  for (const frame of frames) for (const field of frame.fields) {
    const config = structuredClone(panel.fieldConfig.defaults);
    delete config.links;
    for (const step of config.thresholds?.steps ?? []) step.value ??= -Infinity;
    Object.assign(config, { ...config, ...field.config, custom: config.custom ?? {} });
    for (const { matcher, properties } of panel.fieldConfig.overrides ?? [])
      if (fits(matcher, field, frame)) for (const { id, value } of properties) put(config, id, value);
    config.color ??= { mode: panel.type === 'stat' ? 'thresholds' : 'palette-classic' };
    field.config = field.type === FieldType.time ? {} : config;
    field.state = { ...field.state, seriesIndex: field.type === FieldType.time ? undefined : place++ };
    field.display = getDisplayProcessor({ field, theme, timeZone: 'utc' });
  }
  return frames;
};

const overTime = (panel: any): DataFrame[] => panel.targets.flatMap((target: any) => {
  const { step, result } = answers[`${panel.id}/${target.refId}`];
  return result.map(({ metric, values }: any) => {
    const found = new Map(values.map(([at, value]: any) => [at, Number(value)]));
    const times = [];
    for (let at = Math.ceil(from / step) * step; at <= to; at += step) times.push(at);
    return toDataFrame({ refId: target.refId, fields: [
      { name: 'Time', type: FieldType.time, values: times.map((at) => at * 1000) },
      { name: 'Value', type: FieldType.number, labels: metric, values: times.map((at) => found.get(at) ?? null),
        config: { displayName: legendOf(target, metric) } },
    ] });
  });
});
const newest = (panel: any): DataFrame[] => panel.targets.flatMap((target: any) =>
  answers[`${panel.id}/${target.refId}`].result.map(({ metric, value }: any) => toDataFrame({ refId: target.refId, fields: [
    { name: 'Value', type: FieldType.number, labels: metric, values: [Number(value[1])], config: { displayName: legendOf(target, metric) } },
  ] })));
const columns = (panel: any): DataFrame[] => panel.targets.map((target: any) => {
  const { result } = answers[`${panel.id}/${target.refId}`];
  const names = [...new Set<string>(result.flatMap(({ metric }: any) => Object.keys(metric)))];
  const value = panel.targets.length > 1 ? `Value #${target.refId}` : 'Value';
  return toDataFrame({ refId: target.refId, fields: [
    { name: 'Time', type: FieldType.time, values: result.map(() => to * 1000) },
    ...names.map((name) => ({ name, type: FieldType.string, values: result.map(({ metric }: any) => metric[name]) })),
    { name: value, type: FieldType.number, values: result.map((one: any) => Number(one.value[1])) },
  ] });
});

const Empty = ({ panel }: any) => <div style={{ display: 'grid', placeItems: 'center', height: '100%', color: theme.colors.text.secondary }}>
  {panel.fieldConfig.defaults.noValue}</div>;

const Numbers = ({ panel, width, height }: any) => {
  const { colorMode, graphMode, justifyMode, textMode, orientation } = panel.options;
  return <VizRepeater source={panel} width={width} height={height} itemSpacing={3} renderCounter={0} autoGrid orientation={orientation}
    getValues={() => dressed(panel, newest(panel)).map((frame) => {
      const [field] = frame.fields;
      return { ...field.display!(field.values[0]), title: getFieldDisplayName(field, frame) };
    })}
    renderValue={({ value, width, height, count }) => <BigValue theme={theme} width={width} height={height} value={value} count={count} hasLinks={false}
      colorMode={colorMode} graphMode={graphMode} justifyMode={justifyMode} textMode={textMode} wideLayout />} />;
};

const Lines = ({ panel, width, height }: any) => {
  const range = { from: dateTime(from * 1000), to: dateTime(to * 1000), raw: { from: '', to: '' } };
  return <TimeSeries frames={dressed(panel, overTime(panel))} width={width} height={height} timeRange={range as any} timeZone="utc"
    legend={panel.options.legend} options={{}} />;
};

const Rows = ({ panel, width, height }: any) => {
  const [data, show] = React.useState<DataFrame | null>(null);
  React.useEffect(() => {
    const subscription = transformDataFrame(panel.transformations, columns(panel)).subscribe((made) => {
      show(dressed(panel, made)[0]);
    });
    return () => subscription.unsubscribe();
  }, []);
  return data && <TableNG data={data} width={width} height={height} structureRev={1} cellHeight={'sm' as any}
    sortBy={panel.options.sortBy} />;
};

const Axis = ({ left, width, top }: any) => <>{[...Array(7).keys()].map((hour) => {
  const at = from + ((to - from) * hour) / 6, text = new Date(at * 1000).toISOString().slice(11, 16);
  return <text key={hour} x={left + (width * hour) / 6} y={top} fill={theme.colors.text.secondary} fontSize={12} textAnchor="middle">{text}</text>;
})}</>;
const Sketch = () => <span style={{ position: 'absolute', right: 8, top: -26, fontSize: 11, color: theme.colors.text.disabled }}>sketched, not Grafana's drawing</span>;

const States = ({ panel, width, height }: any) => {
  const frames = dressed(panel, overTime(panel)), left = 230, wide = width - left - 20, tall = (height - 60) / frames.length;
  const used = new Map<string, string>();
  const cells = frames.map((frame, row) => {
    const [times, values] = frame.fields, step = (times.values[1] - times.values[0]) / 1000;
    return <g key={row}>
      <text x={left - 8} y={(row + 0.6) * tall} fill={theme.colors.text.primary} fontSize={12} textAnchor="end">{getFieldDisplayName(values, frame)}</text>
      {values.values.map((value: number | null, index: number) => {
        if (value === null) return null;
        const { text, color } = values.display!(value);
        used.set(text, color!);
        const at = times.values[index] / 1000, since = Math.max(from, at - step);
        return <rect key={index} x={left + ((since - from) / (to - from)) * wide} y={row * tall + tall * 0.1}
          width={((at - since) / (to - from)) * wide + 0.5} height={tall * 0.8} fill={color} />;
      })}</g>;
  });
  const items = [...used].map(([label, color]) => ({ label, color, yAxis: 1 }));
  return <div style={{ position: 'relative' }}><Sketch /><svg width={width} height={height - 36}>{cells}<Axis left={left} width={wide} top={height - 42} /></svg>
    <VizLegend items={items as any} displayMode={'list' as any} placement="bottom" /></div>;
};

const Heat = ({ panel, width, height }: any) => {
  const target = panel.targets[0], { step, result } = answers[`${panel.id}/${target.refId}`];
  const bounds = result.map(({ metric }: any) => metric.le).sort((a: string, b: string) => Number(a.replace('+Inf', '1e9')) - Number(b.replace('+Inf', '1e9')));
  const of = Object.fromEntries(result.map(({ metric, values }: any) => [metric.le, new Map(values.map(([at, value]: any) => [at, Number(value)]))]));
  const left = 60, wide = width - left - 20, tall = (height - 30) / bounds.length, cells: any[] = [];
  let most = 0;
  bounds.forEach((bound: string, row: number) => of[bound].forEach((value: number, at: number) => {
    const count = value - (row ? of[bounds[row - 1]].get(at) ?? 0 : 0);
    most = Math.max(most, count);
    if (count > 0.01) cells.push({ row, at, count });
  }));
  return <div style={{ position: 'relative' }}><Sketch /><svg width={width} height={height}>
    {cells.map(({ row, at, count }, index) => <rect key={index} x={left + ((at - step - from) / (to - from)) * wide} y={(bounds.length - 1 - row) * tall + 1}
      width={(step / (to - from)) * wide} height={tall - 1} fill="#fd8d3c" fillOpacity={0.12 + 0.88 * Math.sqrt(count / most)} />)}
    {bounds.map((bound: string, row: number) => row % 3 === 2 && <text key={bound} x={left - 6} y={(bounds.length - row) * tall} fill={theme.colors.text.secondary} fontSize={11} textAnchor="end">{bound} s</text>)}
    <Axis left={left} width={wide} top={height - 10} /></svg></div>;
};

const KINDS: Record<string, any> = { stat: Numbers, timeseries: Lines, table: Rows, statetimeline: States, 'state-timeline': States, heatmap: Heat };

const Panel = ({ panel }: any) => {
  const { x, y, w, h } = panel.gridPos, place = { position: 'absolute', left: x * CELL, top: y * (ROW + GAP), width: w * CELL - GAP } as const;
  if (panel.type === 'row') return <div style={{ ...place, paddingTop: 6, fontSize: 16, fontWeight: 500 }}>{panel.collapsed ? '›' : '⌄'} {panel.title}</div>;
  const height = h * (ROW + GAP) - GAP, Kind = KINDS[panel.type];
  const any = panel.targets.some((target: any) => answers[`${panel.id}/${target.refId}`].result.length);
  return <div style={{ ...place, height }}><PanelChrome title={panel.title} description={panel.description} width={w * CELL - GAP} height={height}>
    {(width, height) => any ? <Kind panel={panel} width={width} height={height} /> : <Empty panel={panel} />}
  </PanelChrome></div>;
};

const App = () => {
  const bottom = Math.max(...board.panels.map(({ gridPos }: any) => gridPos.y + gridPos.h)) * (ROW + GAP);
  return <ThemeContext.Provider value={theme}><GlobalStyles />
    <div style={{ padding: 16, width: width + 24, background: theme.colors.background.canvas }}>
      <div style={{ fontSize: 20, fontWeight: 500, marginBottom: 8 }}>{board.title}</div>
      <div style={{ display: 'flex', flexWrap: 'wrap', gap: 8, marginBottom: 10 }}>{chosen.map(([label, value]: string[]) =>
        <span key={label} style={{ border: `1px solid ${theme.colors.border.medium}`, borderRadius: 2, fontSize: 12 }}>
          <span style={{ padding: '4px 8px', background: theme.colors.background.secondary, display: 'inline-block' }}>{label}</span>
          <span style={{ padding: '4px 8px', display: 'inline-block' }}>{value}</span></span>)}</div>
      <div style={{ position: 'relative', height: bottom }}>{board.panels.map((panel: any) => <Panel key={panel.id ?? panel.title} panel={panel} />)}</div>
    </div></ThemeContext.Provider>;
};
createRoot(document.getElementById('root')!).render(<App />);
