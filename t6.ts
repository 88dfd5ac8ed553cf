// forecast step with 10,000 runs in flight
import { Dispatcher } from './src/core/dispatch/dispatcher.ts';
import { seededRandom } from './src/core/learning/random.ts';
import { backendSpec, configOf } from './test/dispatch-builders.ts';
const cold={estimateMs:30000,idleTimeoutMs:60000};
const b=(n:string)=>backendSpec({endpoints:[1,2,3,4].map(i=>({id:n+i,slots:8,coldStart:cold})),prewarm:{mode:'on',theta:.25},queueDepth:1e6});
const d=new Dispatcher(configOf({backends:{llm:backendSpec({slots:20000,queueDepth:1e6}),gpu:b('g'),tool:b('t')}}),{random:seededRandom(1)},0);
const r=seededRandom(2);
for(let a=0;a<20;a++) for(let i=0;i<300;i++) d.models.learn({run:`h${a}-${i}`,app:`app${a}`,arrival_ms:0,units:[{unit:'a',backend:'llm',calls:[{input_tokens:100*r(),output_tokens:500*r()}]},{unit:'b',backend:'llm',calls:[{input_tokens:100,output_tokens:900*r()}]},...(r()<.02?[{unit:'c',backend:'gpu',calls:[{input_tokens:10,output_tokens:100}]}]:[]),...(r()<.02?[{unit:'d',backend:'tool',calls:[{service_ms:100}]}]:[])]} as any,0,d.speeds);
const ev=[]; for(let i=0;i<10000;i++) ev.push({type:'submitted' as const,call:{callId:`c${i}`,runId:`r${i}`,app:`app${i%20}`,unit:'a',backend:'llm',kind:'llm' as const,inputTokens:100*r(),arrivedAt:0,final:false}});
d.step(ev,1000);
const t:number[]=[]; for(let i=0;i<200;i++){const t0=performance.now(); d.step([{type:'forecast',aheadMs:60000}],2000+i*300); t.push(performance.now()-t0);} t.sort((a,b)=>a-b);
console.log('median',t[100].toFixed(2),'p95',t[190].toFixed(2),'worst',t[199].toFixed(2));
