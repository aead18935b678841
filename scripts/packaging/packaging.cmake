# What `cmake --install` puts in place, and the Debian package that CPack makes of it. The BPF object is installed by bpf/.
set(packaging_dir ${CMAKE_CURRENT_LIST_DIR})

install(TARGETS xdirectord DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(TARGETS xdirector DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${packaging_dir}/systemd/xdirector.service DESTINATION lib/systemd/system)
install(PROGRAMS ${CMAKE_SOURCE_DIR}/scripts/realserver DESTINATION ${CMAKE_INSTALL_DATADIR}/xdirector)
# Where the daemon looks, whatever the prefix.
install(FILES ${CMAKE_SOURCE_DIR}/conf/samples/xdirector.conf DESTINATION /etc/xdirector)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/conf/samples/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/samples FILES_MATCHING PATTERN "*.conf")
install(DIRECTORY ${CMAKE_SOURCE_DIR}/docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs FILES_MATCHING PATTERN "*.md")
install(FILES ${CMAKE_SOURCE_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)

install(FILES ${packaging_dir}/completion/xdirector DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${packaging_dir}/completion/xdirector DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME xdirectord)

# Man pages: options from the programs' own --help, keywords from the table, so that a page cannot fall behind.
set(man_dir ${CMAKE_BINARY_DIR}/man)
file(MAKE_DIRECTORY ${man_dir})
add_custom_command(OUTPUT ${man_dir}/xdirectord.8 ${man_dir}/xdirector.1 ${man_dir}/xdirector.conf.5
  COMMAND ${packaging_dir}/man/make ${packaging_dir}/man/xdirectord.8 $<TARGET_FILE:xdirectord> > ${man_dir}/xdirectord.8
  COMMAND ${packaging_dir}/man/make ${packaging_dir}/man/xdirector.1 $<TARGET_FILE:xdirector> > ${man_dir}/xdirector.1
  COMMAND xdirector conf keywords --man > ${man_dir}/xdirector.conf.5
  DEPENDS xdirectord xdirector ${packaging_dir}/man/make ${packaging_dir}/man/xdirectord.8 ${packaging_dir}/man/xdirector.1
  VERBATIM)
add_custom_target(man ALL DEPENDS ${man_dir}/xdirectord.8 ${man_dir}/xdirector.1 ${man_dir}/xdirector.conf.5)
install(FILES ${man_dir}/xdirectord.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES ${man_dir}/xdirector.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${man_dir}/xdirector.conf.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME xdirector)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_PACKAGE_CONTACT "xdirector maintainers <xdirector@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ipvsadm")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${packaging_dir}/deb/postinst ${packaging_dir}/deb/prerm ${packaging_dir}/deb/postrm ${packaging_dir}/deb/conffiles)
include(CPack)
