//! Why a leg is open, in words: what is missing, who can mend it and how.

use tracehold_chain::epcis::activity::Unknown;

/// Why a leg is not in the sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Goods were carried and no activity data are given.
    NoActivity,
    /// Activity data of somebody who has no say over the thing.
    Claim,
    /// No factor is given, or one without its value.
    Factor,
    /// A factor leaves out the making of the energy.
    Scope,
    /// Nobody says how heavy the load was.
    LoadMass,
    /// Nobody says how heavy a thing is that was carried with others.
    ParcelMass,
    /// Nobody says how heavy a thing is that was packed with others.
    ContentMass,
    /// Nobody says how much of a batch was used, or how much there was.
    InputMass,
    /// Nobody says how much was made, of several things.
    OutputMass,
    /// Something was used that is named by its class only.
    InputClass,
    /// The numbers are beyond what is reckoned with.
    TooLarge,
    /// The history goes on beyond a limit of this answer.
    Limit,
}

/// Who can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mender {
    /// The member that recorded the event.
    Recorder,
    /// The owner of the product.
    ProductOwner,
    /// Whoever asks.
    Reader,
}

impl Mender {
    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Mender::Recorder => "recorder",
            Mender::ProductOwner => "product-owner",
            Mender::Reader => "reader",
        }
    }
}

impl From<Unknown> for Reason {
    fn from(unknown: Unknown) -> Reason {
        match unknown {
            Unknown::Factor => Reason::Factor,
            Unknown::Scope => Reason::Scope,
            Unknown::Mass => Reason::LoadMass,
            Unknown::TooLarge => Reason::TooLarge,
        }
    }
}

/// All that is said of one reason.
struct Words {
    code: &'static str,
    english: &'static str,
    chinese: &'static str,
    mender: Mender,
    mend: &'static str,
    mend_chinese: &'static str,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Reason; 12] = [
        Reason::NoActivity,
        Reason::Claim,
        Reason::Factor,
        Reason::Scope,
        Reason::LoadMass,
        Reason::ParcelMass,
        Reason::ContentMass,
        Reason::InputMass,
        Reason::OutputMass,
        Reason::InputClass,
        Reason::TooLarge,
        Reason::Limit,
    ];

    fn words(self) -> Words {
        let words = |code, english, chinese, mender, mend, mend_chinese| Words {
            code,
            english,
            chinese,
            mender,
            mend,
            mend_chinese,
        };
        match self {
            Reason::NoActivity => words(
                "no-activity",
                "The goods were carried and nobody gives activity data for it.",
                "货物经过运输，但没有任何活动数据。",
                Mender::Recorder,
                "Record an event with the activity of this transport.",
                "请登记一个带有该次运输活动数据的事件。",
            ),
            Reason::Claim => words(
                "claim",
                "Who recorded this has no say over the thing: it is shown and not counted.",
                "登记者对该物品无权主张：仅显示，不计入。",
                Mender::Recorder,
                "Let the holder, the owner of the prefix or a named party of the shipment record it.",
                "请由持有人、前缀所有者或货运中指明的一方登记。",
            ),
            Reason::Factor => words(
                "factor-missing",
                "No emission factor is given for this activity.",
                "该活动没有排放因子。",
                Mender::Recorder,
                "Declare the event in error and record it with a factor and its source.",
                "请声明该事件有误，并重新登记带有因子及其来源的事件。",
            ),
            Reason::Scope => words(
                "scope-incomplete",
                "The factor or measurement covers the vehicle only (TTW), not the making of the \
                 energy.",
                "因子或测量值只涵盖车辆运行（TTW），不含能源的生产。",
                Mender::Recorder,
                "Declare the event in error and record it with a well-to-wheel (WTW) factor.",
                "请声明该事件有误，并用全生命周期（WTW）因子重新登记。",
            ),
            Reason::LoadMass => words(
                "load-mass-unknown",
                "Nobody says how heavy the load was.",
                "没有人说明载货的质量。",
                Mender::Recorder,
                "Declare the event in error and record it with the mass of the load.",
                "请声明该事件有误，并重新登记载货质量。",
            ),
            Reason::ParcelMass => words(
                "parcel-mass-unknown",
                "Nobody says how heavy this thing is, so its share of the load is not known.",
                "没有人说明该物品的质量，因此无法确定其分摊份额。",
                Mender::ProductOwner,
                "Give the net mass in the product data, or the quantity in kilograms in the event.",
                "请在产品数据中给出净重，或在事件中以千克给出数量。",
            ),
            Reason::ContentMass => words(
                "content-mass-unknown",
                "Nobody says how heavy something in this container is, so what is inside cannot \
                 share.",
                "没有人说明容器中某物品的质量，因此容器内的物品无法分摊。",
                Mender::ProductOwner,
                "Give the net mass in the product data, or the quantity in kilograms when packing.",
                "请在产品数据中给出净重，或在装箱时以千克给出数量。",
            ),
            Reason::InputMass => words(
                "input-mass-unknown",
                "Nobody says how much of this batch was used, or how much of it there was.",
                "没有人说明该批次用了多少，或者总共有多少。",
                Mender::Recorder,
                "Give quantities in kilograms, or the net mass in the product data.",
                "请以千克给出数量，或在产品数据中给出净重。",
            ),
            Reason::OutputMass => words(
                "output-mass-unknown",
                "Several things were made, and nobody says how heavy this one is.",
                "产出了多种物品，但没有人说明该物品的质量。",
                Mender::ProductOwner,
                "Give quantities in kilograms, or the net mass in the product data.",
                "请以千克给出数量，或在产品数据中给出净重。",
            ),
            Reason::InputClass => words(
                "input-without-history",
                "Something was used that is named by its class only: where it came from is not on \
                 record.",
                "所用物料只以类别标识，其来历没有记录。",
                Mender::Recorder,
                "Name inputs by lot or serial number.",
                "请用批号或序列号标识投入物。",
            ),
            Reason::TooLarge => words(
                "too-large",
                "The numbers are larger than the ledger reckons with.",
                "数值超出账本的计算范围。",
                Mender::Recorder,
                "Declare the event in error and record it with the right units.",
                "请声明该事件有误，并用正确的单位重新登记。",
            ),
            Reason::Limit => words(
                "limit",
                "The history goes on beyond the limits of this answer.",
                "历史超出本次回答的限度。",
                Mender::Reader,
                "Ask for the footprints of the parts one by one.",
                "请逐一查询各组成部分的足迹。",
            ),
        }
    }

    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.words().code
    }

    /// What is missing, in English.
    #[must_use]
    pub fn english(self) -> &'static str {
        self.words().english
    }

    /// What is missing, in Chinese.
    #[must_use]
    pub fn chinese(self) -> &'static str {
        self.words().chinese
    }

    /// Who can mend it.
    #[must_use]
    pub fn mender(self) -> Mender {
        self.words().mender
    }

    /// How to mend it, in English.
    #[must_use]
    pub fn mend(self) -> &'static str {
        self.words().mend
    }

    /// How to mend it, in Chinese.
    #[must_use]
    pub fn mend_chinese(self) -> &'static str {
        self.words().mend_chinese
    }
}
