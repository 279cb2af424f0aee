# Concurrency and sudden ends (FAILURES stories 1, 2, 3).
function(chaos_test name seconds)
  add_test(NAME e2e/${name} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/${ARGN})
  set_tests_properties(e2e/${name} PROPERTIES TIMEOUT ${seconds} LABELS e2e SKIP_RETURN_CODE 77
    ENVIRONMENT "TAMGA_BIN=${CMAKE_BINARY_DIR}/bin")
endfunction()
chaos_test(two_services 300 two_services)
if(TAMGA_TEST)
  chaos_test(service_killed 900 service_killed die)
  chaos_test(answer_lost_database 900 service_killed lose)
endif()
