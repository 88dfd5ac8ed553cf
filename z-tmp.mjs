import { readFileSync } from 'node:fs'; import { SourceMap } from 'node:module';
const map=new SourceMap(JSON.parse(readFileSync('/tmp/size-out/index.js.map','utf8')));
const re=new RegExp(process.argv[2]);const by={};const srcs={};
for(const [line,text] of readFileSync('/tmp/size-out/index.js','utf8').split('\n').entries()){for(let i=0;i<text.length;i+=4){const e=map.findEntry(line,i);if(!e.originalSource||!re.test(e.originalSource))continue;const k=e.originalSource.replace(/.*node_modules\//,'')+':'+(e.originalLine+1);by[k]=(by[k]??0)+4;srcs[e.originalSource.replace(/.*node_modules\//,'')]=1}}
// aggregate to enclosing top-level statement
const out={};
for(const src of Object.keys(srcs)){let lines;try{lines=readFileSync(src.startsWith('zod')||src.startsWith('hono')||src.startsWith('itty')?'node_modules/'+src:src.replace(/.*wt\/size\//,''),'utf8').split('\n')}catch{continue}
 let cur='?';const top=lines.map(l=>{if(/^\S/.test(l)&&!/^[})\]*\/ ]/.test(l))cur=l.slice(0,70);return cur});
 for(const k in by)if(k.startsWith(src+':')){const l=+k.slice(src.length+1)-1;const kk=src+' '+(top[l]??'?');out[kk]=(out[kk]??0)+by[k]}}
for(const [k,v] of Object.entries(out).sort((a,b)=>b[1]-a[1]).slice(0,+process.argv[3]||70))console.log(v,k);
