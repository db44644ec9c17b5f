# One folder under src/ is one room: a static library that sees only the rooms named in DEPENDS.
# Headers are included as "blindsight/<room>/<file>.h", in the build tree as in an installed one.
file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/include")
file(CREATE_LINK "${PROJECT_SOURCE_DIR}/src" "${PROJECT_BINARY_DIR}/include/blindsight" SYMBOLIC)
set_property(GLOBAL PROPERTY BLINDSIGHT_ROOMS "")

function(blindsight_room NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;PRIVATE_LIBS;PUBLIC_LIBS" ${ARGN})
  set(target blindsight_${NAME})
  add_library(${target} STATIC ${ARG_SOURCES})
  add_library(blindsight::${NAME} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${NAME} POSITION_INDEPENDENT_CODE ON)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wno-psabi)
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  foreach(room IN LISTS ARG_DEPENDS)
    target_link_libraries(${target} PUBLIC blindsight_${room})
  endforeach()
  target_link_libraries(${target} PUBLIC ${ARG_PUBLIC_LIBS} PRIVATE ${ARG_PRIVATE_LIBS})
  if(BLINDSIGHT_SANITIZE)
    target_compile_options(${target} PUBLIC -fsanitize=${BLINDSIGHT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
    target_link_options(${target} PUBLIC -fsanitize=${BLINDSIGHT_SANITIZE})
  endif()
  set_property(GLOBAL APPEND PROPERTY BLINDSIGHT_ROOMS ${NAME})
endfunction()

# A GoogleTest executable `test_<room>` from the files of tests/<room>/. Its tests carry the room's name as label; each
# has TIMEOUT seconds, 600 by default.
function(blindsight_test ROOM)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LIBS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 600)
  endif()
  add_executable(test_${ROOM} ${ARG_SOURCES})
  target_link_libraries(test_${ROOM} PRIVATE blindsight_${ROOM} ${ARG_LIBS} GTest::gtest_main)
  target_compile_options(test_${ROOM} PRIVATE -Wall -Wextra -Wno-psabi)
  target_compile_definitions(test_${ROOM} PRIVATE
    BLINDSIGHT_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
    BLINDSIGHT_BINARY_DIR="${PROJECT_BINARY_DIR}")
  gtest_discover_tests(test_${ROOM} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS ${ROOM} DISCOVERY_TIMEOUT 60)
  add_dependencies(tests test_${ROOM})
endfunction()
