//! What people are told of each kind of anomaly: the one table. `docs/custody.md` repeats it, and a
//! test compares the two.

use tracehold_chain::anomaly::AnomalyKind;

/// What people are told of a kind of anomaly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnomalyWords {
    /// What does not add up, in English.
    pub en: &'static str,
    /// The same in Chinese.
    pub zh: &'static str,
    /// Who can mend it.
    pub who: &'static str,
    /// The same in Chinese.
    pub who_zh: &'static str,
    /// How.
    pub how: &'static str,
    /// The same in Chinese.
    pub how_zh: &'static str,
}

/// The words of a kind.
#[must_use]
pub fn words(kind: AnomalyKind) -> AnomalyWords {
    let (en, zh, who, who_zh, how, how_zh) = match kind {
        AnomalyKind::CommissionedTwice => (
            "This thing was commissioned a second time.",
            "该物品被重复启用。",
            "whoever recorded the second commissioning",
            "记录第二次启用的成员",
            "declare that event in error, and give the other thing an identifier of its own",
            "声明该事件有误，并为另一件物品分配自己的标识",
        ),
        AnomalyKind::UsedBeforeCommissioning => (
            "This thing was used before it was commissioned, or never was.",
            "该物品在启用之前已被使用，或从未启用。",
            "the holder of its GS1 company prefix",
            "其 GS1 厂商识别代码的持有者",
            "record its commissioning with the time at which it was made",
            "按实际生产时间补录启用事件",
        ),
        AnomalyKind::UsedAfterEnd => (
            "This thing was used after the end of its life.",
            "该物品在生命周期结束之后仍被使用。",
            "whoever recorded its end, or the use",
            "记录其终结或该次使用的成员",
            "declare the wrong one of the two events in error",
            "声明两个事件中错误的一个有误",
        ),
        AnomalyKind::PackedInTwoParents => (
            "This thing was packed, or seen, in one parent while it was in another.",
            "该物品仍在一个容器中时，又被装入另一个容器或在其中被看到。",
            "whoever packed it, or unpacked it and did not say so",
            "装入它的成员，或取出后未记录的成员",
            "record the unpacking from the first parent with its own time, or declare a wrong \
             packing in error",
            "按实际时间补录从第一个容器取出，或声明错误的装入事件有误",
        ),
        AnomalyKind::UnpackedWhereNotIn => (
            "This thing was unpacked from a parent that it was not in, or more of it than was in.",
            "该物品从并未装入的容器中被取出，或取出的数量多于装入的数量。",
            "whoever packed it, or recorded the unpacking",
            "装入它或记录取出的成员",
            "record the packing with its own time, or declare the unpacking in error",
            "按实际时间补录装入，或声明该取出事件有误",
        ),
        AnomalyKind::MovedByNonHolder => (
            "This thing was sent, packed, unpacked or used up by someone who does not hold it.",
            "该物品被并不持有它的一方发运、装箱、取出或消耗。",
            "the holder, or whoever recorded the event",
            "持有者，或记录该事件的成员",
            "record the shipment that handed it over with its own time, or declare the event in \
             error",
            "按实际时间补录移交的发运，或声明该事件有误",
        ),
        AnomalyKind::ReceivedWithoutShipment => (
            "This thing was received though its holder has not sent it.",
            "持有者并未发运，该物品却被接收。",
            "the holder, or whoever recorded the receipt",
            "持有者，或记录接收的成员",
            "record the shipment with its own time, which must be before the receipt, or declare \
             the receipt in error",
            "按实际时间（早于接收）补录发运，或声明该接收事件有误",
        ),
        AnomalyKind::OthersPrefix => (
            "This thing was commissioned under a GS1 company prefix that is another's.",
            "该物品以他人的 GS1 厂商识别代码启用。",
            "whoever recorded the commissioning",
            "记录该启用的成员",
            "declare the event in error, and let the holder of the prefix commission it",
            "声明该事件有误，由该代码的持有者启用",
        ),
        AnomalyKind::OutputAboveInput => (
            "More came out of the transformation than went in, less what is declared lost.",
            "转换的产出多于投入（扣除申报损耗）。",
            "whoever recorded the transformation",
            "记录该转换的成员",
            "declare the event in error and record it with what was really used and made; record \
             inputs of one process before its outputs",
            "声明该事件有误，并按实际投入和产出重新记录；同一过程先记录投入再记录产出",
        ),
        AnomalyKind::MoreUsedThanMade => (
            "More of this lot was used up or ended than was made.",
            "该批次的消耗或终结数量多于生产数量。",
            "whoever made the lot, or used it up",
            "生产或消耗该批次的成员",
            "record the rest of what was made with its own time, or declare a wrong quantity in \
             error",
            "按实际时间补录其余的生产数量，或声明错误的数量有误",
        ),
        AnomalyKind::TimeInTheFuture => (
            "The event says a time that was still to come when it was recorded.",
            "事件所述时间晚于其记录时间。",
            "whoever recorded it",
            "记录该事件的成员",
            "set the clock right, declare the event in error and record it with the right time",
            "校正时钟，声明该事件有误并以正确时间重新记录",
        ),
        AnomalyKind::TimeGoesBack => (
            "The event lies before another event of this thing that the same party had recorded \
             earlier.",
            "该事件的时间早于同一方先前已记录的该物品的另一事件。",
            "whoever recorded both",
            "记录这两个事件的成员",
            "nothing, if it was only uploaded late; declare the event in error if its time is wrong",
            "若只是上传较晚则无需处理；若时间有误，则声明该事件有误",
        ),
        AnomalyKind::OutsideLimits => (
            "A sensor reading was outside the limits that the product's owner declared.",
            "传感器读数超出产品所有者申报的限值。",
            "whoever held the thing, or ran the sensor",
            "当时的持有者或传感器的使用者",
            "keep it apart and have it inspected; if the sensor was at fault, declare the event in \
             error",
            "隔离该物品并检验；若传感器有故障，则声明该事件有误",
        ),
        AnomalyKind::TooLateToWeigh => (
            "The event came too late in too long a story: it is shown and changes nothing.",
            "事件在过长的历史中来得太晚：只显示，不改变任何状态。",
            "whoever recorded it",
            "记录该事件的成员",
            "record what is true now as a new event with the present time",
            "以当前时间记录一个反映现状的新事件",
        ),
    };
    AnomalyWords { en, zh, who, who_zh, how, how_zh }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Promise P27: what is told of an anomaly is told in one way everywhere.
    #[test]
    fn the_page_has_every_anomaly_in_the_words_of_the_table() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/custody.md");
        let page = std::fs::read_to_string(page).expect("docs/custody.md");
        let mut table = String::new();
        for kind in AnomalyKind::ALL {
            let AnomalyWords { en, zh, who, who_zh, how, how_zh } = words(*kind);
            for text in [en, zh, who, who_zh, how, how_zh] {
                assert!(!text.is_empty() && !text.contains('|') && !text.contains("  "));
            }
            let code = kind.code();
            table +=
                &format!("| `{code}` | {en} | {zh} | {who}<br>{who_zh} | {how}<br>{how_zh} |\n");
        }
        assert!(page.contains(&table), "the page should have this table:\n{table}");
    }
}
