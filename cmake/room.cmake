# A room: a static library with its own include folder and a list of what it USES.
# Include folders are private to the edge: who does not name a room cannot find its headers.

# tamga_add(DIR): enter a folder of the house if it has been furnished.
function(tamga_add dir)
  if(EXISTS ${CMAKE_SOURCE_DIR}/${dir}/CMakeLists.txt)
    add_subdirectory(${CMAKE_SOURCE_DIR}/${dir} ${CMAKE_BINARY_DIR}/${dir})
  endif()
endfunction()

# tamga_uses(TARGET room...): the arrows of one target.
function(tamga_uses target)
  foreach(room IN LISTS ARGN)
    target_link_libraries(${target} PRIVATE room_${room})
  endforeach()
endfunction()

# tamga_libs(TARGET lib...): outside libraries, by pkg-config name.
function(tamga_libs target)
  foreach(lib IN LISTS ARGN)
    if(lib STREQUAL "threads")
      target_link_libraries(${target} PRIVATE Threads::Threads)
    else()
      target_link_libraries(${target} PRIVATE PkgConfig::${lib})
    endif()
  endforeach()
endfunction()

# tamga_room(NAME [USES room...] [LIBS lib...]): every .c file of this folder is the room.
function(tamga_room name)
  cmake_parse_arguments(ROOM "" "" "USES;LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
  if(NOT sources) # a room of headers only
    add_library(room_${name} INTERFACE)
    target_include_directories(room_${name} INTERFACE ${CMAKE_CURRENT_SOURCE_DIR}/include)
    return()
  endif()
  add_library(room_${name} STATIC ${sources})
  target_include_directories(room_${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/include)
  target_include_directories(room_${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  tamga_uses(room_${name} ${ROOM_USES})
  tamga_libs(room_${name} ${ROOM_LIBS})
  set_property(GLOBAL APPEND PROPERTY TAMGA_ROOMS ${name})
endfunction()

# `ninja programs`: the programs without the tests.
add_custom_target(programs)

# tamga_program(NAME SOURCES file... [USES room...] [LIBS lib...]): a program of the product.
function(tamga_program name)
  cmake_parse_arguments(PROGRAM "" "" "SOURCES;USES;LIBS" ${ARGN})
  add_executable(${name} ${PROGRAM_SOURCES})
  tamga_uses(${name} ${PROGRAM_USES})
  tamga_libs(${name} ${PROGRAM_LIBS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  add_dependencies(programs ${name})
endfunction()
