# Every command line once, against a service: slips, refusals, and the flows that the other tests do not take.
add_test(NAME e2e/walk COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/walk)
set_tests_properties(e2e/walk PROPERTIES TIMEOUT 300 LABELS e2e ENVIRONMENT "TAMGA_BIN=${CMAKE_BINARY_DIR}/bin")
