//! Option codes (RFC 2132 unless said otherwise).

macro_rules! codes {
    ($($name:ident = $number:literal, $doc:literal;)*) => {
        $(#[doc = $doc] pub const $name: u8 = $number;)*
    };
}

codes! {
    PAD = 0, "Filler without a length.";
    SUBNET_MASK = 1, "Mask of the client's network.";
    ROUTERS = 3, "Default routers, best first.";
    NAME_SERVERS = 6, "DNS servers.";
    HOST_NAME = 12, "The client's name.";
    BOOT_FILE_SIZE = 13, "Length of the boot file in 512-byte units.";
    DOMAIN_NAME = 15, "DNS domain.";
    ROOT_PATH = 17, "Where the root disk is.";
    INTERFACE_MTU = 26, "Longest IP packet.";
    BROADCAST_ADDRESS = 28, "Broadcast address.";
    VENDOR_OPTIONS = 43, "Sub-options whose meaning the vendor class sets; see [`super::SubOptions`].";
    REQUESTED_ADDRESS = 50, "The address that the client would like.";
    LEASE_SECONDS = 51, "How long an address may be used.";
    OVERLOAD = 52, "`file` or `sname` hold options; read, never written.";
    MESSAGE_TYPE = 53, "What kind of message this is.";
    SERVER_IDENTIFIER = 54, "Which server speaks, or is spoken to.";
    PARAMETER_REQUEST = 55, "Codes that the client would like to know.";
    MESSAGE = 56, "Text for people.";
    MAX_MESSAGE_SIZE = 57, "Longest message that the client takes.";
    RENEWAL_SECONDS = 58, "When to renew (T1).";
    REBINDING_SECONDS = 59, "When to ask anybody (T2).";
    VENDOR_CLASS = 60, "What kind of client this is: `PXEClient:Arch:00007:UNDI:003000`.";
    CLIENT_IDENTIFIER = 61, "What the client calls itself.";
    TFTP_SERVER_NAME = 66, "Server name, in place of `sname`.";
    BOOT_FILE_NAME = 67, "Boot file name, in place of `file`.";
    USER_CLASS = 77, "User classes (RFC 3004), or raw text as iPXE sends it.";
    RELAY_AGENT_INFORMATION = 82, "What a relay added (RFC 3046); a server gives it back, last.";
    CLIENT_ARCHITECTURE = 93, "List of architectures (RFC 4578 §2.1).";
    CLIENT_NETWORK_INTERFACE = 94, "UNDI version (RFC 4578 §2.2).";
    CLIENT_UUID = 97, "Machine identifier (RFC 4578 §2.3).";
    TFTP_SERVER_ADDRESSES = 150, "TFTP servers (RFC 5859).";
    IPXE = 175, "iPXE's own encapsulated options.";
    END = 255, "End of the options.";
}
