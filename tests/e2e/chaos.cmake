# Concurrency and sudden ends (FAILURES stories 1, 2, 3). service_killed (die and lose: TAMGA_DIE_AT, TAMGA_LOSE_AT)
# takes many minutes: it is run by hand, tests/e2e/service_killed die|lose, with TAMGA_BIN of a test build.
add_test(NAME e2e/two_services COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/two_services)
set_tests_properties(e2e/two_services PROPERTIES TIMEOUT 300 LABELS e2e SKIP_RETURN_CODE 77
  ENVIRONMENT "TAMGA_BIN=${CMAKE_BINARY_DIR}/bin")
