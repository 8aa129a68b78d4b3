//! The options of `disk-image-create`: one row for each, in the order in which dib lists them.
//!
//! In: nothing. Out: for each option its spellings, its value, what it does here. Never: an option that is read anywhere else.

/// Which option it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is described by its row")]
pub enum OptionName {
    Arch,
    ImageName,
    Types,
    Trace,
    Uncompressed,
    ClearEnvironment,
    Logfile,
    Checksum,
    ImageSize,
    ImageExtraSize,
    ImageCache,
    MaxOnlineResize,
    MinTmpfs,
    MkfsJournalSize,
    MkfsOptions,
    NoTmpfs,
    Offline,
    QemuImgOptions,
    RootLabel,
    RamdiskElement,
    InstallType,
    DockerTarget,
    SkipBase,
    Packages,
    Help,
    Version,
}

/// What an option comes to here, beside dib.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// As in dib.
    Same,
    /// More than in dib, or what dib documents and does not do.
    Better(&'static str),
    /// Another thing, for a reason.
    Differs(&'static str),
    /// Nothing, for a reason, which a build says.
    None(&'static str),
}

/// What is true of an option.
#[derive(Clone, Copy, Debug)]
pub struct OptionFacts {
    /// Which it is.
    pub name: OptionName,
    /// Its letter.
    pub short: Option<char>,
    /// Its long spelling, without the dashes.
    pub long: Option<&'static str>,
    /// What its value is called, where it takes one.
    pub value: Option<&'static str>,
    /// What it is for, as help says it.
    pub help: &'static str,
    /// What it comes to here.
    pub effect: Effect,
}

impl OptionFacts {
    /// As it is written most: `-a`, `--image-size`.
    pub fn spelling(&self) -> alloc::string::String {
        match (self.short, self.long) {
            (Some(letter), _) => alloc::format!("-{letter}"),
            (None, Some(long)) => alloc::format!("--{long}"),
            (None, None) => alloc::string::String::new(),
        }
    }
}

const fn short(
    name: OptionName,
    letter: char,
    value: Option<&'static str>,
    help: &'static str,
) -> OptionFacts {
    OptionFacts { name, short: Some(letter), long: None, value, help, effect: Effect::Same }
}

const fn long(
    name: OptionName,
    long: &'static str,
    value: Option<&'static str>,
    help: &'static str,
) -> OptionFacts {
    OptionFacts { name, short: None, long: Some(long), value, help, effect: Effect::Same }
}

/// One row for each option.
pub static OPTIONS: [OptionFacts; 26] = [
    short(OptionName::Arch, 'a', Some("ARCH"), "Build for this architecture; default: this machine's"),
    OptionFacts {
        effect: Effect::Better("directories of the path are made if they are not there"),
        ..short(
            OptionName::ImageName,
            'o',
            Some("NAME"),
            "Name of the files, with or without directories; default: image",
        )
    },
    OptionFacts {
        effect: Effect::Better(
            "any combination works, and formats that dib does not have; vhd needs no patched program, docker no daemon",
        ),
        ..short(OptionName::Types, 't', Some("TYPE[,TYPE]"), "Output formats; default: qcow2")
    },
    short(OptionName::Trace, 'x', None, "Have hooks trace what they do; twice for more"),
    short(OptionName::Uncompressed, 'u', None, "Do not compress a qcow2"),
    OptionFacts {
        effect: Effect::Better("dib's own ends with `_LIB not set!`"),
        ..short(OptionName::ClearEnvironment, 'c', None, "Give hooks no variable of the caller's environment")
    },
    long(
        OptionName::Logfile,
        "logfile",
        Some("FILE"),
        "Write the output to this file, and none to standard output unless DIB_QUIET is 0",
    ),
    OptionFacts {
        effect: Effect::Better("archives get them too, and not only disks"),
        ..long(
            OptionName::Checksum,
            "checksum",
            None,
            "Write NAME.TYPE.md5 and NAME.TYPE.sha256 beside each image",
        )
    },
    OptionFacts {
        effect: Effect::Better("fractions are taken as they are"),
        ..long(
            OptionName::ImageSize,
            "image-size",
            Some("GIB"),
            "Size of the disk; default: what its content needs",
        )
    },
    OptionFacts {
        effect: Effect::Better(
            "dib documents it and refuses it; the number is MiB, as its code and its variable have it",
        ),
        ..long(
            OptionName::ImageExtraSize,
            "image-extra-size",
            Some("MIB"),
            "Room on the root filesystem beyond its content, instead of a share of it",
        )
    },
    OptionFacts {
        effect: Effect::Differs(
            "the cache of builds is in DIR/dibber, unless DIBBER_CACHE names another place",
        ),
        ..long(
            OptionName::ImageCache,
            "image-cache",
            Some("DIR"),
            "Where downloads and the results of steps are kept",
        )
    },
    long(
        OptionName::MaxOnlineResize,
        "max-online-resize",
        Some("BLOCKS"),
        "Prepare the root filesystem for growing to so many blocks of 4 KiB",
    ),
    OptionFacts {
        effect: Effect::None("no tmpfs is used: trees are layers in the cache"),
        ..long(OptionName::MinTmpfs, "min-tmpfs", Some("GIB"), "Least size of a tmpfs to build in")
    },
    OptionFacts {
        effect: Effect::Better("dib documents it and refuses it"),
        ..long(
            OptionName::MkfsJournalSize,
            "mkfs-journal-size",
            Some("MIB"),
            "Size of the root filesystem's journal; default: 64",
        )
    },
    OptionFacts {
        effect: Effect::Differs(
            "an option that the writer of the filesystem does not have is refused by name",
        ),
        ..long(
            OptionName::MkfsOptions,
            "mkfs-options",
            Some("OPTIONS"),
            "Options of mkfs for the root filesystem, as one text",
        )
    },
    OptionFacts {
        effect: Effect::None("no tmpfs is used: trees are layers in the cache"),
        ..long(OptionName::NoTmpfs, "no-tmpfs", None, "Build in no tmpfs")
    },
    OptionFacts {
        effect: Effect::Differs(
            "no network is used at all, by hooks neither: what earlier builds fetched is used",
        ),
        ..long(OptionName::Offline, "offline", None, "Use what was fetched before, and ask for nothing new")
    },
    OptionFacts {
        effect: Effect::Better(
            "compat=1.1 and compression_type are written without qemu-img; for all others it is run",
        ),
        ..long(
            OptionName::QemuImgOptions,
            "qemu-img-options",
            Some("KEY=VALUE[,KEY=VALUE]"),
            "Options of the qcow2, as qemu-img names them",
        )
    },
    long(
        OptionName::RootLabel,
        "root-label",
        Some("LABEL"),
        "Label of the root filesystem; default: cloudimg-rootfs",
    ),
    long(
        OptionName::RamdiskElement,
        "ramdisk-element",
        Some("ELEMENT"),
        "The element that makes the ramdisk, for ramdisk-image-create; default: ramdisk",
    ),
    long(
        OptionName::InstallType,
        "install-type",
        Some("TYPE"),
        "How elements that can do both install: source or package; default: source",
    ),
    OptionFacts {
        effect: Effect::Better(
            "NAME.docker.tar is an archive with this tag; without it, the image's name is the tag",
        ),
        ..long(
            OptionName::DockerTarget,
            "docker-target",
            Some("REPOSITORY[:TAG]"),
            "Tag of a container image (docker, oci)",
        )
    },
    short(OptionName::SkipBase, 'n', None, "Leave the element base out"),
    short(
        OptionName::Packages,
        'p',
        Some("NAME[,NAME]"),
        "Install these packages too; may be given several times",
    ),
    OptionFacts { long: Some("help"), ..short(OptionName::Help, 'h', None, "Print this help") },
    long(OptionName::Version, "version", None, "Print the version"),
];

impl OptionName {
    /// Its row.
    pub fn facts(self) -> &'static OptionFacts {
        OPTIONS.iter().find(|facts| facts.name == self).expect("OPTIONS has a row for every option")
    }

    /// Whether dib's own getopt knows it; an abbreviation that is unique among those means one of them.
    pub(super) fn is_of_dibs_getopt(self) -> bool {
        !matches!(self, OptionName::ImageExtraSize | OptionName::MkfsJournalSize)
    }
}
