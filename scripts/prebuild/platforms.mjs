// The platforms that a prebuilt core is made for, in the words of npm, CMake and zig.
export const PLATFORMS = {
  'linux-x64': linux('x64', 'glibc', 'x86_64', 'x86_64-linux-gnu.2.28'),
  'linux-arm64': linux('arm64', 'glibc', 'aarch64', 'aarch64-linux-gnu.2.28'),
  'linux-x64-musl': linux('x64', 'musl', 'x86_64', 'x86_64-linux-musl'),
  'darwin-arm64': darwin('arm64', 'arm64', 'aarch64-macos.11.0'),
  'darwin-x64': darwin('x64', 'x86_64', 'x86_64-macos.11.0'),
  'win32-x64': {
    ...{ os: 'win32', cpu: 'x64', system: 'Windows', processor: 'AMD64' },
    target: 'x86_64-windows-gnu',
  },
};

function linux(cpu, libc, processor, target) {
  return { os: 'linux', cpu, libc, system: 'Linux', processor, target };
}

function darwin(cpu, processor, target) {
  return { os: 'darwin', cpu, system: 'Darwin', processor, target };
}
