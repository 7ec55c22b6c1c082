# The node-gyp build of the addon, for machines without CMake. Sources and flags: native/sources.gypi.
# Run it through scripts/build.mjs, which hands node-gyp the Node-API headers from npm.
{
  'includes': ['native/sources.gypi'],
  'variables': {
    'werror%': '<!(node -p "process.env.SINTER_WERROR === \'1\' ? 1 : 0")',
    'napi_headers': '<!(node -p "require(\'node-addon-api\').include_dir")',
  },
  'target_defaults': {
    'include_dirs': ['native'],
    'cflags_cc': ['<@(common_cflags)', '<@(optimize_cflags)'],
    'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['<@(common_cflags)', '<@(optimize_cflags)']},
    'defines': ['NDEBUG'],
    'conditions': [
      ['werror == 1', {'cflags_cc': ['-Werror']}],
    ],
    'target_conditions': [
      ['_type == "loadable_module"', {
        'defines': ['<@(addon_defines)'],
        'include_dirs': ['<(napi_headers)'],
        'conditions': [
          ['OS == "linux"', {'ldflags': ['-Wl,--exclude-libs,ALL', '-Wl,-Bsymbolic', '-Wl,-z,now']}],
        ],
      }, {
        'cflags_cc': ['<@(engine_cflags)'],
      }],
    ],
  },
  'targets': [
    {
      'target_name': 'sinter_engine',
      'type': 'static_library',
      'sources': ['<@(base_files)', '<@(kernel_files)', '<@(engine_files)'],
    },
    {
      'target_name': 'sinter',
      'sources': ['<@(addon_files)'],
      'dependencies': [
        'sinter_engine', 'sinter_scalar', 'sinter_avx2', 'sinter_avxvnni', 'sinter_avx512', 'sinter_vnni',
        'sinter_neon', 'sinter_dotprod', 'sinter_i8mm',
      ],
    },
    {
      'target_name': 'sinter_test',
      'sources': ['<@(addon_test_files)'],
      'dependencies': [
        'sinter_engine', 'sinter_scalar', 'sinter_avx2', 'sinter_avxvnni', 'sinter_avx512', 'sinter_vnni',
        'sinter_neon', 'sinter_dotprod', 'sinter_i8mm',
      ],
    },
    # One static library per ISA, because gyp has no flags per file. Empty on other processors.
    # -O3 would unroll all 16 lanes of every operation: four times the code, and no faster but for products (in kernel_files).
    {
      'target_name': 'sinter_scalar',
      'type': 'static_library',
      'sources': ['<@(scalar_kernel_files)'],
      'cflags_cc': ['<@(scalar_optimize_cflags)'],
    },
    {
      'target_name': 'sinter_avx2',
      'type': 'static_library',
      'conditions': [['target_arch == "x64"', {
        'sources': ['<@(avx2_kernel_files)'],
        'cflags_cc': ['<@(avx2_cflags)'],
      }]],
    },
    {
      'target_name': 'sinter_avxvnni',
      'type': 'static_library',
      'conditions': [['target_arch == "x64"', {
        'sources': ['<@(avxvnni_kernel_files)'],
        'cflags_cc': ['<@(avxvnni_cflags)'],
      }]],
    },
    {
      'target_name': 'sinter_avx512',
      'type': 'static_library',
      'conditions': [['target_arch == "x64"', {
        'sources': ['<@(avx512_kernel_files)'],
        'cflags_cc': ['<@(avx512_cflags)'],
      }]],
    },
    {
      'target_name': 'sinter_vnni',
      'type': 'static_library',
      'conditions': [['target_arch == "x64"', {
        'sources': ['<@(vnni_kernel_files)'],
        'cflags_cc': ['<@(vnni_cflags)'],
      }]],
    },
    {
      'target_name': 'sinter_neon',
      'type': 'static_library',
      'conditions': [['target_arch == "arm64"', {
        'sources': ['<@(neon_kernel_files)'],
        'cflags_cc': ['<@(neon_cflags)'],
      }]],
    },
    {
      'target_name': 'sinter_dotprod',
      'type': 'static_library',
      'conditions': [['target_arch == "arm64"', {
        'sources': ['<@(dotprod_kernel_files)'],
        'cflags_cc': ['<@(dotprod_cflags)'],
      }]],
    },
    {
      'target_name': 'sinter_i8mm',
      'type': 'static_library',
      'conditions': [['target_arch == "arm64"', {
        'sources': ['<@(i8mm_kernel_files)'],
        'cflags_cc': ['<@(i8mm_cflags)'],
      }]],
    },
  ],
}
