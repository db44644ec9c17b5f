# `cmake --install`: the program, every room as blindsight::<room>, all of them as blindsight::blindsight, the zoo.
include(CMakePackageConfigHelpers)

get_property(rooms GLOBAL PROPERTY BLINDSIGHT_ROOMS)
list(REMOVE_ITEM rooms cli)

add_library(blindsight_all INTERFACE)
add_library(blindsight::blindsight ALIAS blindsight_all)
set_target_properties(blindsight_all PROPERTIES EXPORT_NAME blindsight)

# The libraries are static, so whoever links them needs what they link, private or not. Each namespace of imported
# targets that a room uses becomes one line of the package's configuration file.
set(package_TBB "TBB")
set(package_OpenSSL "OpenSSL")
set(package_Threads "Threads")
set(package_ZLIB "ZLIB")
set(package_LibLZMA "LibLZMA")
set(package_CURL "CURL")
set(package_fmt "fmt")
set(package_nlohmann_json "nlohmann_json")
set(package_protobuf "Protobuf")
set(package_ONNX "ONNX")
set(dependencies "")

function(blindsight_note_dependencies room)
  get_target_property(libraries blindsight_${room} LINK_LIBRARIES)
  if(NOT libraries)
    return()
  endif()
  foreach(library IN LISTS libraries)
    if(library MATCHES "blindsight_")
      continue()
    elseif(library MATCHES "PkgConfig::([A-Za-z0-9_]+)")
      set(prefix ${CMAKE_MATCH_1})
      list(JOIN __pkg_config_arguments_${prefix} " " arguments)
      list(APPEND dependencies "find_dependency(PkgConfig)" "pkg_check_modules(${prefix} QUIET ${arguments})")
    elseif(library MATCHES "([A-Za-z0-9_]+)::")
      if(NOT DEFINED package_${CMAKE_MATCH_1})
        message(WARNING "Room ${room} links ${library}: name its package in cmake/BlindsightInstall.cmake")
      else()
        list(APPEND dependencies "find_dependency(${package_${CMAKE_MATCH_1}})")
      endif()
    elseif(library MATCHES "^opencv_")
      list(APPEND dependencies "find_dependency(OpenCV COMPONENTS core imgproc imgcodecs)")
    endif()
  endforeach()
  set(dependencies "${dependencies}" PARENT_SCOPE)
endfunction()

foreach(room IN LISTS rooms)
  target_link_libraries(blindsight_all INTERFACE blindsight_${room})
  blindsight_note_dependencies(${room})
  install(TARGETS blindsight_${room} EXPORT blindsight-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/src/${room}" DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/blindsight
    FILES_MATCHING PATTERN "*.h")
endforeach()
install(TARGETS blindsight_all EXPORT blindsight-targets)

list(REMOVE_DUPLICATES dependencies)
list(JOIN dependencies "\n" BLINDSIGHT_FIND_DEPENDENCIES)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/blindsight)
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/blindsight-config.cmake.in"
  "${PROJECT_BINARY_DIR}/blindsight-config.cmake" INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file("${PROJECT_BINARY_DIR}/blindsight-config-version.cmake"
  COMPATIBILITY SameMinorVersion)
install(EXPORT blindsight-targets NAMESPACE blindsight:: DESTINATION ${package_dir})
install(FILES "${PROJECT_BINARY_DIR}/blindsight-config.cmake" "${PROJECT_BINARY_DIR}/blindsight-config-version.cmake"
  DESTINATION ${package_dir})

if(TARGET blindsight)
  set_target_properties(blindsight PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
  install(TARGETS blindsight RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(DIRECTORY "${PROJECT_SOURCE_DIR}/models/" DESTINATION ${CMAKE_INSTALL_DATADIR}/blindsight/models
  FILES_MATCHING PATTERN "*.onnx" PATTERN "*.json" PATTERN "*.md")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" "${PROJECT_SOURCE_DIR}/README.md" DESTINATION ${CMAKE_INSTALL_DOCDIR})
