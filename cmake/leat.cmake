# One module = one folder under src/ = one static library = one unit-test binary.
#
#   leat_module(store DEPS db json base LIBS SQLite::SQLite3)
#
# DEPS are the modules whose headers this module may include; tools/check_layers.py holds every
# #include against them. LIBS are third-party libraries, linked privately so that their headers
# stay inside their owner. Sources are every *.cc in the folder; *_test.cc and testing/*.cc go into
# the test binary <module>_test.

add_library(leat_flags INTERFACE)
target_compile_options(leat_flags INTERFACE -Wall -Wextra -Wpedantic -Werror -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  target_compile_options(leat_flags INTERFACE -Wthread-safety -Wno-gnu-zero-variadic-macro-arguments)
else()
  # g++ 12 reports false positives of these inside libstdc++ when it inlines at -O2.
  target_compile_options(leat_flags INTERFACE -Wno-restrict -Wno-maybe-uninitialized -Wno-dangling-pointer
                                              -Wno-stringop-overflow -Wno-array-bounds)
endif()
target_include_directories(leat_flags INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(leat_flags INTERFACE LEAT_VERSION="${PROJECT_VERSION}")
if(LEAT_SANITIZE)
  target_compile_options(leat_flags INTERFACE -fsanitize=${LEAT_SANITIZE} -fno-omit-frame-pointer)
  if(LEAT_SANITIZE MATCHES undefined)
    target_compile_options(leat_flags INTERFACE -fno-sanitize-recover=undefined)
  endif()
  target_link_options(leat_flags INTERFACE -fsanitize=${LEAT_SANITIZE})
endif()

function(leat_module name)
  cmake_parse_arguments(ARG "" "" "DEPS;LIBS;TEST_DEPS;TEST_LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cc)
  file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*_test.cc
       ${CMAKE_CURRENT_SOURCE_DIR}/${name}/testing/*.cc)
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  if(sources)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC leat_flags ${ARG_DEPS} PRIVATE ${ARG_LIBS} Threads::Threads)
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE leat_flags ${ARG_DEPS} ${ARG_LIBS} Threads::Threads)
  endif()
  if(LEAT_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${name} ${ARG_TEST_DEPS} ${ARG_TEST_LIBS} GTest::gtest GTest::gtest_main)
    add_test(NAME ${name} COMMAND ${name}_test)
    set_tests_properties(${name} PROPERTIES TIMEOUT 300)
  endif()
endfunction()

# Makes `output`, a .cc that defines `function` (declared in src/cli/embedded_files.h) over the files.
function(leat_embed output function)
  set(entries "")
  foreach(file ${ARGN})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(READ ${file} text)
    get_filename_component(name ${file} NAME)
    string(APPEND entries "    {\"${name}\", R\"leat_file(${text})leat_file\"},\n")
  endforeach()
  set(source "#include \"cli/embedded_files.h\"\n\nnamespace leat::cli {\nnamespace {\n\nconstexpr EmbeddedFile kFiles[] = {\n${entries}};\n\n}  // namespace\n\nstd::span<const EmbeddedFile> ${function}() { return kFiles; }\n\n}  // namespace leat::cli\n")
  file(CONFIGURE OUTPUT ${output} CONTENT "${source}" @ONLY)
endfunction()
