# tamga_queries(ROOM): schema/queries/ROOM/*.sql become ROOM_queries.h and .c of that room (call it after
# tamga_room). A file: line 1 `-- caption`, line 2 `-- params: name type, ...` or `-- params: none`, then one
# statement. `#include "ROOM_queries.h"` gives Q_ROOM_VERB; only ROOM_store.c files do. The room must USE db.
function(tamga_queries room)
  get_target_property(type room_${room} TYPE)
  if(type STREQUAL "INTERFACE_LIBRARY") # headers only so far: nothing asks
    return()
  endif()
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/schema/queries/${room}/*.sql)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/queries)
  file(MAKE_DIRECTORY ${out})
  add_custom_command(
    OUTPUT ${out}/${room}_queries.c ${out}/${room}_queries.h
    COMMAND sql_catalogue queries ${room} ${out} ${files}
    DEPENDS sql_catalogue ${files}
    COMMENT "SQL catalogue of ${room}" VERBATIM)
  target_sources(room_${room} PRIVATE ${out}/${room}_queries.c ${out}/${room}_queries.h)
  target_include_directories(room_${room} PRIVATE ${out})
endfunction()

# tamga_migrations(ROOM): schema/migrations/*.sql embedded into a room.
function(tamga_migrations room)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/schema/migrations/*.sql)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/migrations)
  file(MAKE_DIRECTORY ${out})
  add_custom_command(
    OUTPUT ${out}/migrations.c
    COMMAND sql_catalogue migrations ${out}/migrations.c ${files}
    DEPENDS sql_catalogue ${files}
    COMMENT "embedded migrations" VERBATIM)
  target_sources(room_${room} PRIVATE ${out}/migrations.c)
endfunction()
