# The programs as a whole. Each script makes and ends a service of its own; exit 77 says that it cannot run here.
foreach(name main_job service_life database_lost backup_restore disk_full)
  add_test(NAME e2e/${name} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/${name})
  set_tests_properties(e2e/${name} PROPERTIES TIMEOUT 600 LABELS e2e SKIP_RETURN_CODE 77
    ENVIRONMENT "TAMGA_BIN=${CMAKE_BINARY_DIR}/bin")
endforeach()
add_dependencies(tests_of_e2e demo-keystore)

# What must not be in a release.
if(NOT TAMGA_TEST)
  add_test(NAME e2e/release_clock COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/release_clock)
  set_tests_properties(e2e/release_clock PROPERTIES TIMEOUT 120 LABELS e2e
    ENVIRONMENT "TAMGA_BIN=${CMAKE_BINARY_DIR}/bin")
endif()
