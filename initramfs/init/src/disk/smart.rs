//! How a disk feels, as far as the kernel tells without special programs.
//!
//! ATA: SMART RETURN STATUS and READ DATA by the SCSI pass-through (SAT-5 §12.2.2.2, ACS-4 §7.44); NVMe: the SMART log
//! page (NVMe Base 2.0 §5.16.1.3). What cannot be asked is said to be so.

use super::path_of;
use nix::libc;
use std::{fs::File, os::fd::AsRawFd};

/// A few lines of text on a disk's health.
#[must_use]
pub fn health(name: &str) -> String {
    let file = match File::open(path_of(name)) {
        Ok(file) => file,
        Err(error) => return format!("{name}: {error}\n"),
    };
    let text = if name.starts_with("nvme") {
        nvme_log(&file).map(|log| describe_nvme(&log))
    } else if name.starts_with("sd") {
        ata_data(&file).map(|data| describe_ata(&data))
    } else {
        None
    };
    format!(
        "{name}: {}\n",
        text.unwrap_or_else(|| "it does not tell".to_owned())
    )
}

const NVME_LOG_LEN: usize = 512;
const ATA_DATA_LEN: usize = 512;

/// `struct nvme_admin_cmd` in `include/uapi/linux/nvme_ioctl.h`.
#[repr(C)]
#[derive(Default)]
struct NvmeAdminCommand {
    opcode: u8,
    flags: u8,
    reserved: u16,
    namespace: u32,
    cdw2: u32,
    cdw3: u32,
    metadata: u64,
    address: u64,
    metadata_len: u32,
    data_len: u32,
    cdw10: u32,
    cdw11: u32,
    cdw12: u32,
    cdw13: u32,
    cdw14: u32,
    cdw15: u32,
    timeout_ms: u32,
    result: u32,
}

/// `_IOWR('N', 0x41, struct nvme_admin_cmd)`, 72 bytes.
const NVME_IOCTL_ADMIN: libc::Ioctl = 0xC048_4E41;

#[expect(unsafe_code, reason = "NVMe commands have no other way to the kernel")]
fn nvme_log(file: &File) -> Option<[u8; NVME_LOG_LEN]> {
    let mut log = [0u8; NVME_LOG_LEN];
    let mut command = NvmeAdminCommand {
        opcode: 0x02,
        namespace: u32::MAX,
        address: log.as_mut_ptr().expose_provenance() as u64,
        data_len: u32::try_from(NVME_LOG_LEN).ok()?,
        // Log page 2, length in words less one.
        cdw10: 0x02 | (u32::try_from(NVME_LOG_LEN / 4).ok()? - 1) << 16,
        timeout_ms: 2000,
        ..Default::default()
    };
    // SAFETY: the structure has the kernel's layout, and the buffer it points to lives until the call returns.
    let result = unsafe {
        libc::ioctl(
            file.as_raw_fd(),
            NVME_IOCTL_ADMIN,
            std::ptr::from_mut(&mut command),
        )
    };
    (result == 0).then_some(log)
}

/// `sg_io_hdr_t` in `include/scsi/sg.h`.
#[repr(C)]
struct ScsiRequest {
    interface: i32,
    direction: i32,
    command_len: u8,
    sense_len: u8,
    scatter: u16,
    data_len: u32,
    data: *mut u8,
    command: *mut u8,
    sense: *mut u8,
    timeout_ms: u32,
    flags: u32,
    pack_id: i32,
    user: *mut u8,
    status: u8,
    masked_status: u8,
    message_status: u8,
    sense_written: u8,
    host_status: u16,
    driver_status: u16,
    residual: i32,
    duration: u32,
    information: u32,
}

const SG_IO: libc::Ioctl = 0x2285;
const FROM_DEVICE: i32 = -3;

#[expect(unsafe_code, reason = "ATA commands have no other way to the kernel")]
fn ata_data(file: &File) -> Option<[u8; ATA_DATA_LEN]> {
    let mut data = [0u8; ATA_DATA_LEN];
    let mut sense = [0u8; 32];
    // ATA PASS-THROUGH (16): PIO in, one block; SMART (b0) READ DATA (d0) with its key 4f, c2.
    let mut command = [
        0x85,
        4 << 1,
        0x0e,
        0,
        0xd0,
        0,
        1,
        0,
        0,
        0,
        0x4f,
        0,
        0xc2,
        0,
        0xb0,
        0u8,
    ];
    let mut request = ScsiRequest {
        interface: i32::from(b'S'),
        direction: FROM_DEVICE,
        command_len: 16,
        sense_len: 32,
        scatter: 0,
        data_len: u32::try_from(ATA_DATA_LEN).ok()?,
        data: data.as_mut_ptr(),
        command: command.as_mut_ptr(),
        sense: sense.as_mut_ptr(),
        timeout_ms: 2000,
        flags: 0,
        pack_id: 0,
        user: std::ptr::null_mut(),
        status: 0,
        masked_status: 0,
        message_status: 0,
        sense_written: 0,
        host_status: 0,
        driver_status: 0,
        residual: 0,
        duration: 0,
        information: 0,
    };
    // SAFETY: the structure has the kernel's layout, and all it points to lives until the call returns.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), SG_IO, std::ptr::from_mut(&mut request)) };
    let sound =
        result == 0 && request.status == 0 && request.host_status == 0 && data.iter().any(|byte| *byte != 0);
    sound.then_some(data)
}

/// Fields of the log page (figure 207).
fn describe_nvme(log: &[u8; NVME_LOG_LEN]) -> String {
    let wide = |at: usize| {
        let mut bytes = [0u8; 16];
        bytes.copy_from_slice(&log[at..at + 16]);
        u128::from_le_bytes(bytes)
    };
    let kelvin = i32::from(u16::from_le_bytes([log[1], log[2]]));
    format!(
        "critical warning 0x{:02x}, {} degrees C, spare {} % (threshold {} %), used {} %, power-on hours {}, media errors {}, \
         unsafe shutdowns {}",
        log[0],
        kelvin - 273,
        log[3],
        log[4],
        log[5],
        wide(128),
        wide(160),
        wide(144)
    )
}

/// The attributes that foretell a failure (twelve bytes each from byte 2: number, flags, value, worst, raw).
fn describe_ata(data: &[u8; ATA_DATA_LEN]) -> String {
    const TOLD: [(u8, &str); 8] = [
        (5, "reallocated sectors"),
        (9, "power-on hours"),
        (187, "reported uncorrectable"),
        (194, "temperature"),
        (196, "reallocation events"),
        (197, "pending sectors"),
        (198, "offline uncorrectable"),
        (199, "interface CRC errors"),
    ];
    let mut parts = Vec::new();
    for attribute in data[2..362].chunks_exact(12) {
        if let Some((_, name)) = TOLD.iter().find(|(number, _)| *number == attribute[0]) {
            let raw = attribute[5..11]
                .iter()
                .rev()
                .fold(0u64, |value, byte| value << 8 | u64::from(*byte));
            // Drives keep minimum and maximum in the higher bytes of the temperature.
            let raw = if attribute[0] == 194 { raw & 0xff } else { raw };
            parts.push(format!("{name} {raw}"));
        }
    }
    if parts.is_empty() {
        "SMART data without known attributes".to_owned()
    } else {
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_structures_have_the_kernels_sizes() {
        assert_eq!(size_of::<NvmeAdminCommand>(), 72);
        assert_eq!(size_of::<ScsiRequest>(), 88);
    }

    #[test]
    fn attributes_that_foretell_a_failure_are_told() {
        let mut data = [0u8; ATA_DATA_LEN];
        data[2..14].copy_from_slice(&[5, 0x33, 0, 100, 100, 8, 1, 0, 0, 0, 0, 0]);
        data[14..26].copy_from_slice(&[194, 0, 0, 64, 40, 36, 0, 20, 0, 45, 0, 0]);
        assert_eq!(describe_ata(&data), "reallocated sectors 264, temperature 36");
        let mut log = [0u8; NVME_LOG_LEN];
        log[1..3].copy_from_slice(&310u16.to_le_bytes());
        log[160] = 3;
        let text = describe_nvme(&log);
        assert!(
            text.contains("37 degrees") && text.contains("media errors 3"),
            "{text}"
        );
    }
}
