// The tools that compile the addon: which of them this machine has, and what to install where one is missing.
// The rule: what is missing is said in one sentence, before anything is built or written.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';

/** The machine lacks something. The message is the sentence for the user. */
export class MissingTool extends Error {}

/** How package managers call what this package needs. */
const PACKAGES = {
  compiler:
    'apt-get install g++ make on Debian and Ubuntu, dnf install gcc-c++ make on Fedora, apk add g++ make on Alpine, ' +
    'xcode-select --install on macOS',
  make: 'apt-get, dnf or apk install make, or xcode-select --install on macOS',
  system: 'apt-get, dnf, apk or brew install cmake',
};

// string(JSON) in CMakeLists.txt needs 3.19.
const CMAKE = { major: 3, minor: 19 };

function isOnPath(name) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return folder !== '';
    } catch {
      return false;
    }
  });
}

/** Where the tokenizers package has a binary for, and the core has been written for. */
export function checkPlatform({ platform, arch } = process) {
  if (['linux', 'darwin'].includes(platform) && ['x64', 'arm64'].includes(arch)) return;
  if (platform === 'win32' && arch === 'x64') {
    throw new MissingTool(
      'the native core is not compiled on Windows: install @sinter/win32-x64 of the same version beside this package, or use WSL',
    );
  }
  throw new MissingTool(
    `${platform} on ${arch} is not supported: install this package on Linux or macOS with an x64 or arm64 processor, or on Windows with x64`,
  );
}

/** Command of a compiler that knows C++20. CXX may hold arguments too, as make allows. */
function findCompiler() {
  const command = process.env.CXX || ['c++', 'g++', 'clang++'].find(isOnPath);
  if (!command) {
    throw new MissingTool(
      `no C++ compiler was found, and this package is compiled when it is installed: ${PACKAGES.compiler}`,
    );
  }
  const probe = spawnSync(`${command} -std=c++20 -fsyntax-only -x c++ -`, {
    input: '#include <span>\n#include <vector>\nint f(std::span<const int> s) { return s[0]; }\n',
    shell: true,
    encoding: 'utf8',
  });
  if (probe.status === 0) return command;
  const said = probe.stderr.trim().split('\n')[0] || 'it says nothing';
  throw new MissingTool(
    `${command} cannot compile C++20 (${said}): install a newer compiler, such as GCC 12, or name one in CXX`,
  );
}

function hasCmake() {
  const { stdout } = spawnSync('cmake', ['--version'], { encoding: 'utf8' });
  const [, major, minor] = /version (\d+)\.(\d+)/.exec(stdout ?? '') ?? [];
  const newer = Number(major) - CMAKE.major;
  return newer > 0 || (newer === 0 && Number(minor) >= CMAKE.minor);
}

/** As node-gyp looks for it. */
function hasPython() {
  const { NODE_GYP_FORCE_PYTHON, npm_config_python, PYTHON } = process.env;
  const candidates = [NODE_GYP_FORCE_PYTHON, npm_config_python, PYTHON, 'python3', 'python'];
  return candidates.filter(Boolean).some((python) => {
    const probe = spawnSync(python, ['-c', 'import sys; sys.exit(sys.version_info < (3, 8))']);
    return probe.status === 0;
  });
}

/** The script of node-gyp: the one that npm has in itself and names to every script it runs, else an installed one. */
function findNodeGyp() {
  const { npm_config_node_gyp: named, npm_execpath: npm } = process.env;
  const beside = npm && join(dirname(npm), '..', 'node_modules', 'node-gyp', 'bin', 'node-gyp.js');
  const found = [named, beside].find((path) => path && existsSync(path));
  if (found) return found;
  try {
    const manifest = createRequire(import.meta.url).resolve('node-gyp/package.json');
    return join(dirname(manifest), 'bin', 'node-gyp.js');
  } catch {
    throw new MissingTool(
      `neither CMake 3.19 or newer nor node-gyp was found: run this through npm, which has node-gyp, or install CMake (${PACKAGES.system})`,
    );
  }
}

/**
 * What to build with: CMake where it is new enough, else node-gyp, which needs Python. `forced` (cmake or gyp) allows one only.
 * Throws MissingTool, and RangeError for another `forced`.
 */
export function findTools(forced = process.env.SINTER_BUILD || undefined) {
  if (forced !== undefined && forced !== 'cmake' && forced !== 'gyp') {
    throw new RangeError(`SINTER_BUILD must be cmake or gyp, got ${forced}`);
  }
  checkPlatform();
  const compiler = findCompiler();
  const cmake = forced !== 'gyp' && hasCmake();
  const ninja = cmake && isOnPath('ninja');
  if (!ninja && !isOnPath(process.env.MAKE || 'make')) {
    throw new MissingTool(
      `make was not found, which the C++ compiler is run by: install it (${PACKAGES.make})`,
    );
  }
  if (cmake) return { system: 'cmake', compiler, generator: ninja ? 'Ninja' : 'Unix Makefiles' };
  if (forced === 'cmake') {
    throw new MissingTool(
      `CMake 3.19 or newer was asked for and not found: install it (${PACKAGES.system})`,
    );
  }
  if (!hasPython()) {
    throw new MissingTool(
      `neither CMake 3.19 or newer nor Python 3.8 or newer was found, and one of them has to run the build: ` +
        `install CMake (${PACKAGES.system}) or Python (python3 there)`,
    );
  }
  return { system: 'gyp', compiler, nodeGyp: findNodeGyp() };
}
