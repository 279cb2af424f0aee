# FAILURES story 1: the install job killed and failed at every system call that writes. 77: no ptrace here.
# Under the sanitizers only every fourth moment (no multiple of the three modes), in a release all of them.
set(every 1)
if(TAMGA_SANITIZE)
  set(every 4)
endif()
add_test(NAME e2e/install_sweep
  COMMAND ${CMAKE_CURRENT_LIST_DIR}/install_sweep --every ${every} $<TARGET_FILE:agent-job-host>)
set_tests_properties(e2e/install_sweep PROPERTIES LABELS "e2e;agent" SKIP_RETURN_CODE 77 TIMEOUT 600)
