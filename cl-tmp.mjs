import { parseAst } from 'rolldown/parseAst';
import fs from 'fs'; import { SourceMap } from 'node:module';
const s=fs.readFileSync('/tmp/size-out/index.js','utf8'); const ast=parseAst(s,{lang:'js'},'x.js');
const map=new SourceMap(JSON.parse(fs.readFileSync('/tmp/size-out/index.js.map','utf8')));
const lineStarts=[0];for(let i=0;i<s.length;i++)if(s[i]==='\n')lineStarts.push(i+1);
const where=(p)=>{let l=0;while(l+1<lineStarts.length&&lineStarts[l+1]<=p)l++;const e=map.findEntry(l,p-lineStarts[l]);return e.originalSource?e.originalSource.replace(/^(\.\.\/)*/,'').replace('tmp/wt/size/','')+':'+(e.originalLine+1):'?'};
const groups=new Map();
const LOOSE=process.argv[2]==='loose';
function ser(n){ // returns normalized token list
  const names=new Map(); const out=[];
  (function w(n,p,key){ if(n===null||n===undefined){return} if(Array.isArray(n)){out.push('[');n.forEach(x=>w(x,p,key));out.push(']');return}
   if(typeof n!=='object'){out.push(key+'='+(LOOSE&&key==='value'?'*':n));return}
   if(n.type==='Identifier'){ const prop=(p?.type==='MemberExpression'&&key==='property'&&!p.computed)||(p?.type==='Property'&&key==='key'&&!p.computed)||(p?.type==='MethodDefinition'&&key==='key');
     if(prop) out.push(LOOSE?'.p':'.'+n.name); else { if(n.name.length>3) out.push('G'+n.name); else {if(!names.has(n.name))names.set(n.name,names.size); out.push('v'+names.get(n.name));} } return}
   if(n.type==='PrivateIdentifier'){ const k='#'+n.name; if(!names.has(k))names.set(k,names.size); out.push('#'+names.get(k));return}
   out.push(n.type); for(const k in n){ if(k==='type'||k==='start'||k==='end'||k==='raw')continue; w(n[k],n,k)} })(n);
  return out.join(' ');
}
const MIN=+(process.argv[3]??70);
(function w(n){ if(!n||typeof n!=='object')return; if(Array.isArray(n)){n.forEach(w);return}
 const len=n.type?n.end-n.start:0;
 if(n.type&&len>=MIN&&len<3000&&/Function|Class|Statement|Expression|MethodDefinition|VariableDeclaration|Property/.test(n.type)){const k=ser(n);(groups.get(k)??groups.set(k,[]).get(k)).push(n)}
 for(const k in n)if(k!=='type')w(n[k]);
})(ast);
const dups=[...groups.values()].filter(g=>g.length>1).map(g=>({save:(g.length-1)*(g[0].end-g[0].start),g})).sort((a,b)=>b.save-a.save);
const cov=[];let shown=0;
for(const {save,g} of dups){ if(g.every(n=>cov.some(([a,b])=>n.start>=a&&n.end<=b)))continue; g.forEach(n=>cov.push([n.start,n.end])); const ws=g.map(n=>where(n.start)); if(ws.every(w=>w.includes('node_modules')))continue; console.log(save,g.length,g[0].end-g[0].start,ws.slice(0,4).join(' '),'\n   ',s.slice(g[0].start,g[0].start+160)); if(++shown>70)break; }
