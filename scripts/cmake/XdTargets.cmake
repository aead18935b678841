# The three shapes of target this project has.

# Our headers are found by "..." only: userspace/netlink must not stand before libnl's <netlink/...>.
set(XD_INCLUDE_OPTIONS "SHELL:-iquote ${CMAKE_SOURCE_DIR}" "SHELL:-iquote ${CMAKE_SOURCE_DIR}/userspace")

function(xd_options target)
  target_compile_options(${target} PUBLIC ${XD_INCLUDE_OPTIONS})
  target_compile_options(${target} PRIVATE -Wall -Wextra -Werror -Wshadow $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>)
  if(XD_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
  if(XD_SANITIZE)
    target_compile_options(${target} PUBLIC -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
    target_link_options(${target} PUBLIC -fsanitize=address,undefined)
    # GCC takes its own <regex> for uninitialized once the sanitizers' checks stand between; -Werror would end the build there.
    if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
      target_compile_options(${target} PUBLIC -Wno-maybe-uninitialized)
    endif()
  endif()
endfunction()

# xd_library(name LINK libs...): every .cpp of the current folder.
function(xd_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(NOT sources)  # headers only
    add_library(${name} INTERFACE)
    target_compile_options(${name} INTERFACE ${XD_INCLUDE_OPTIONS})
    target_link_libraries(${name} INTERFACE ${ARG_LINK})
    return()
  endif()
  add_library(${name} STATIC ${sources})
  xd_options(${name})
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
endfunction()

# xd_program(name LINK libs...): every .cpp of the current folder.
function(xd_program name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  xd_options(${name})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
endfunction()

# xd_test(name LABEL unit|bpf|conf SOURCES files... LINK libs...): a GoogleTest program. Each test is one ctest entry.
function(xd_test name)
  cmake_parse_arguments(ARG "" "LABEL" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  xd_options(${name})
  target_compile_options(${name} PRIVATE "SHELL:-iquote ${CMAKE_SOURCE_DIR}/tests")
  target_compile_definitions(${name} PRIVATE XD_SOURCE_DIR="${CMAKE_SOURCE_DIR}" XD_BINARY_DIR="${CMAKE_BINARY_DIR}")
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gtest_main GTest::gmock)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT 300)
endfunction()
