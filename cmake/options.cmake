# Compiler settings of every room. One place, no per-file exceptions.
option(TAMGA_TEST "seams for tests: TAMGA_CLOCK, TAMGA_DIE_AT; never in a release" OFF)
option(TAMGA_FUZZ "build the libFuzzer targets (clang)" OFF)
set(TAMGA_SANITIZE "" CACHE STRING "value of -fsanitize=, empty for none")
option(TAMGA_HARDEN "PIE, full RELRO, stack protector, FORTIFY_SOURCE" OFF)
option(TAMGA_COVERAGE "gcov instrumentation" OFF)

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# NDEBUG would silently empty contracts and tests; it is forbidden here.
foreach(type DEBUG RELEASE RELWITHDEBINFO MINSIZEREL)
  string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_${type} "${CMAKE_C_FLAGS_${type}}")
endforeach()

add_compile_definitions(_GNU_SOURCE TAMGA_VERSION="${PROJECT_VERSION}")
add_compile_options(
  -include ${CMAKE_SOURCE_DIR}/common/base/include/base/banned.h
  -Wall -Wextra -Werror -Wconversion -Wsign-conversion -Wshadow -Wswitch-enum -Wvla -Wformat=2
  -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wpointer-arith -Wwrite-strings -Wcast-align
  -fno-common -fno-omit-frame-pointer
  # Messages name files as the tree does, and a build says nothing about the machine it ran on.
  -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wnull-dereference -Wlogical-op -Wduplicated-cond)
endif()

if(TAMGA_TEST)
  add_compile_definitions(TAMGA_TEST=1)
endif()
if(TAMGA_SANITIZE)
  add_compile_options(-fsanitize=${TAMGA_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${TAMGA_SANITIZE})
endif()
if(TAMGA_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(TAMGA_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()
if(TAMGA_HARDEN)
  include(CheckPIESupported)
  check_pie_supported()
  add_compile_options(-fPIE -fstack-protector-strong -fstack-clash-protection -fcf-protection
                      -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  add_link_options(-pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed)
endif()
