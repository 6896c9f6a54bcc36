// Runs the module that is named on the command line and prints what measure.c prints.
const bytes = require("fs").readFileSync(process.argv[2]);
const module_ = new WebAssembly.Module(bytes);
const wanted = WebAssembly.Module.imports(module_).map((entry) => entry.name);
if (wanted.length) throw new Error(`the module wants ${wanted.join(", ")}`);
const { selftest, state_size, hash } = new WebAssembly.Instance(module_, {}).exports;
const hex = (word) => (word >>> 0).toString(16).padStart(8, "0");
console.log(`selftest ${hex(selftest())}`);
console.log(`state ${hex(state_size())}`);
console.log(`hash ${hex(hash())}`);
console.log("end");
